//! What was promised and what came of it, for eyes.

use dtop::domain::item::Kind;
use dtop::domain::plan::Plan;
use dtop::domain::survey::{Item, Survey};

use crate::Outcome;

/// A set in one line.
pub fn report(set: &str, plan: &Plan, outcome: &Outcome) -> String {
    let Outcome {
        at_least,
        at_most,
        is_exact,
        lost,
        gained,
    } = outcome;
    let doubts: Vec<String> = plan
        .frees
        .doubts()
        .iter()
        .map(ToString::to_string)
        .collect();
    format!(
        "{set}: {} steps, {} refused, promised {at_least}..{} ({}), lost {lost}{}{}{}",
        plan.steps.len(),
        plan.refused.len(),
        at_most.map_or_else(|| "?".to_owned(), |most| most.to_string()),
        if *is_exact { "exact" } else { "range" },
        gained.map_or_else(String::new, |gained| format!(", gained {gained}")),
        if doubts.is_empty() { "" } else { ": " },
        doubts.join("; "),
    )
}

/// Each step with what it frees.
pub fn steps(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter();
    steps
        .map(|step| {
            let frees = &step.frees;
            format!(
                "{} {} frees {}..{}",
                step.id.kind().word(),
                step.name,
                frees.at_least.0,
                frees.at_most.0
            )
        })
        .collect()
}

/// All that was there, for the report of a failure.
pub fn picture(survey: &Survey) -> String {
    let mut lines = Vec::new();
    for kind in Kind::ALL {
        for index in 0..survey.len(kind) {
            let item = survey.item(kind, index);
            let more = match item {
                Item::Record(record) => format!(
                    "{} {:?} shared {} in use {} {:?} created {:?}",
                    record.kind,
                    record.parents,
                    record.shared,
                    record.in_use,
                    record.size,
                    record.created
                ),
                Item::Image(image) => format!("{:?} parent {:?}", image.size, image.parent),
                Item::Container(container) => format!(
                    "of {:?} {:?}",
                    container.image_id,
                    container
                        .details
                        .as_ref()
                        .known()
                        .map(|it| (it.size_rw, it.size_root))
                ),
                Item::Volume(volume) => format!("{:?}", volume.size),
                Item::Log(_) => format!("{:?}", item.size()),
            };
            lines.push(format!(
                "{} {} {}: {more}",
                kind.word(),
                item.id().as_str(),
                item.name()
            ));
            if let Item::Image(image) = item {
                for row in survey.retention.layers(&image.id) {
                    let (chain, size) = (&row.chain.as_str()[7..19], row.size);
                    lines.push(format!("    {chain} {size:?} {}", row.command));
                }
            }
        }
    }
    lines.join("\n")
}
