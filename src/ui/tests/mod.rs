//! The picture at many sizes, and with names that nobody would choose.

mod scene;

use std::sync::Arc;

use jiff::SignedDuration;
use unicode_width::UnicodeWidthStr;

use super::Theme;
use crate::app::model::{Link, Model};
use crate::app::msg::Msg;
use crate::app::update::update;
use crate::domain::inventory::{EngineInfo, Part, Progress, Stage};
use crate::domain::store::disk_usage::Measuring;
use crate::domain::survey::Survey;
use scene::{lines, model, now, plan_screen, press, screens};

#[test]
fn no_size_and_no_screen_panics_or_leaves_a_line_too_long() {
    let sizes = [
        1, 2, 3, 5, 13, 39, 40, 41, 59, 60, 61, 79, 80, 99, 100, 101, 160, 200,
    ];
    let heights = [1, 2, 9, 10, 11, 15, 16, 19, 20, 21, 27, 28, 29, 60];
    for (name, mut model) in screens() {
        for width in sizes {
            for height in heights {
                let frame = lines(&mut model, (width, height), Theme::new(true, false));
                for line in &frame {
                    assert_eq!(
                        line.width(),
                        usize::from(width),
                        "{name} {width}x{height}: {line:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn nothing_but_ascii_reaches_a_terminal_without_utf8() {
    for (name, mut model) in screens() {
        for size in [(40, 10), (80, 24), (120, 35)] {
            for line in lines(&mut model, size, Theme::new(false, true)) {
                assert!(line.is_ascii(), "{name}: {line:?}");
                assert_eq!(line.len(), usize::from(size.0), "{name}: {line:?}");
            }
        }
    }
}

#[test]
fn no_control_character_reaches_the_screen() {
    let bad = |letter: char| {
        letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    for (name, mut model) in screens() {
        for line in lines(&mut model, (120, 35), Theme::new(true, false)) {
            assert!(!line.chars().any(bad), "{name}: {line:?}");
        }
    }
}

#[test]
fn columns_stand_where_their_headings_stand_whatever_the_names() {
    for size in [(80, 24), (120, 35)] {
        let mut model = model();
        let frame = lines(&mut model, size, Theme::new(true, false));
        let at = model.layout;
        let column = |line: &str, word: &str| {
            let byte = line.find(word)?;
            Some(line[..byte].width() + word.width())
        };
        let heading = &frame[usize::from(at.headings)];
        let size_ends = column(heading, "SIZE").expect("a heading");
        let sizes = ["750 MB", "160 MB", "384 MB", "31.0 GB", "12.3 kB"];
        let rows = &frame[usize::from(at.rows)..usize::from(at.rows) + 6];
        for size in sizes {
            let row = rows.iter().find(|row| row.contains(size)).expect("a row");
            assert_eq!(column(row, size), Some(size_ends), "{row}");
        }
    }
}

#[test]
fn the_measuring_by_blocks_shows_how_far_it_is_once_it_takes_a_while() {
    let header = |since: i64| {
        let mut model = model();
        let measuring = Measuring {
            since: now() - SignedDuration::from_millis(since),
            done: 5_678,
            all: 12_345,
        };
        update(
            &mut model,
            Msg::Scan(vec![Part::Measuring(Some(measuring))]),
        );
        lines(&mut model, (120, 35), Theme::new(true, false)).join("\n")
    };
    let frame = header(7_200);
    assert!(
        frame.contains("volume sizes 12 s, blocks 45 % 7 s"),
        "{frame}"
    );
    assert!(!header(900).contains("blocks"), "a moment is no news");
}

#[test]
fn frees_tells_refused_pending_and_unknown_apart() {
    let mut model = model();
    press(&mut model, "3");
    let frame = lines(&mut model, (80, 24), Theme::new(true, false)).join("\n");
    assert!(frame.contains("0 B †"), "{frame}");
    assert!(frame.contains("measuring volume sizes 12 s"), "{frame}");
    model.link = Link::Lost {
        since: now() - SignedDuration::from_secs(5),
        why: "broken pipe".into(),
        again: Some(now() + SignedDuration::from_secs(3)),
    };
    let frame = lines(&mut model, (120, 35), Theme::new(true, false)).join("\n");
    assert!(
        frame.contains("connection lost: picture of 5 s ago · next try in 3 s · broken pipe"),
        "{frame}"
    );
}

/// What a proxy refuses is said where it is missed, as unknown and not as nothing, down to the smallest screen.
#[test]
fn a_refused_kind_reads_as_one() {
    let words = "a proxy in between refuses GET /containers/json (403)";
    let mut model = model();
    for stage in [Stage::Containers, Stage::BuildCache] {
        let mut inventory = model.survey.inventory().clone();
        inventory.distrust(stage, words.into());
        inventory.apply(if stage == Stage::Containers {
            Part::Containers(Vec::new())
        } else {
            Part::BuildCache(Vec::new())
        });
        model.survey = Survey::new(inventory);
    }
    let done = Part::Stage(Stage::VolumeSizes, Progress::Done(now()));
    update(&mut model, Msg::Scan(vec![done]));
    let frame = |model: &mut Model, size| lines(model, size, Theme::new(true, false)).join("\n");
    let large = frame(&mut model, (120, 35));
    let said = format!("containers failed: {words} · 1 more");
    assert!(large.contains(&said), "{large}");
    let usual = frame(&mut model, (80, 24));
    for part in [
        "2 Containers –",
        "Build cache –",
        "containers failed",
        "ctr –",
        "cache –",
    ] {
        assert!(usual.contains(part), "no {part}:\n{usual}");
    }
    // Why the row under the cursor stays is what was refused.
    let small = frame(&mut model, (40, 10));
    assert!(small.contains("0 B †"), "{small}");
    assert!(small.contains("containers could not be listed"), "{small}");
    press(&mut model, "2");
    let pane = frame(&mut model, (80, 24));
    assert!(
        pane.contains(&format!("cannot be listed: {words}")),
        "{pane}"
    );
}

/// Each word that changes is sent to the terminal, and an outage may last for days.
#[test]
fn what_lasts_long_is_told_by_the_minute() {
    let mut model = model();
    model.unsorted = false;
    let lost = |ago: i64| Link::Lost {
        since: now() - SignedDuration::from_secs(ago),
        why: "broken pipe".into(),
        again: Some(now() + SignedDuration::from_secs(2)),
    };
    for stage in Stage::ALL {
        model
            .survey
            .apply([Part::Stage(stage, Progress::Done(now()))]);
    }
    assert_eq!(model.wakes_at(), None);
    let after = |seconds| Some(now() + SignedDuration::from_secs(seconds));
    model.link = lost(59);
    assert_eq!(model.wakes_at(), after(1));
    model.link = lost(70);
    assert_eq!(model.wakes_at(), after(50));
    let frame = lines(&mut model, (120, 35), Theme::new(true, false)).join("\n");
    let words = "connection lost: picture of 1 min ago · trying again · broken pipe";
    assert!(frame.contains(words), "{frame}");
    model.link = Link::Connected;
    for (ago, wakes) in [(100, 1), (130, 50), (3_600, 60)] {
        let since = now() - SignedDuration::from_secs(ago);
        let running = Part::Stage(Stage::VolumeSizes, Progress::Running(since));
        model.survey.apply([running]);
        assert_eq!(model.wakes_at(), after(wakes), "{ago} s");
    }
}

#[test]
fn the_confirmation_repeats_the_engine_and_its_host() {
    let mut model = model();
    model.screen = plan_screen(&model);
    for size in [(80, 24), (120, 35)] {
        let frame = lines(&mut model, size, Theme::new(true, false));
        assert!(
            frame[0].contains("unix:///var/run/docker.sock (Docker 29.7.2)?"),
            "{}",
            frame[0]
        );
        let text = frame.join("\n");
        assert!(text.contains("nextcloud:latest, nextcloud:19"), "{text}");
        assert!(text.contains("Default is No"), "{text}");
        assert!(text.contains("Type delete to allow it: "), "{text}");
        assert!(
            text.contains("5 B more if not held by postgres:13-beta1-alpine"),
            "{text}"
        );
    }
}

#[test]
fn the_smallest_confirmation_still_says_what_it_frees_and_asks_for_the_word() {
    let mut model = model();
    model.screen = plan_screen(&model);
    press(&mut model, "d e l");
    let text = lines(&mut model, (40, 10), Theme::new(true, false)).join("\n");
    assert!(text.contains("at least 367 MB, at most"), "{text}");
    assert!(text.contains("Type delete to allow it: del▌"), "{text}");
    assert!(text.contains("Default is No"), "{text}");
}

#[test]
fn the_cursor_of_a_plan_is_always_in_sight() {
    for height in 10..40 {
        let mut model = model();
        model.screen = plan_screen(&model);
        update(&mut model, Msg::Resize { width: 80, height });
        for _ in 0..8 {
            let frame = lines(&mut model, (80, height), Theme::new(true, false));
            let signs = frame.iter().filter(|line| line.starts_with('▸')).count();
            assert_eq!(signs, 1, "{height}\n{}", frame.join("\n"));
            press(&mut model, "j");
        }
    }
}

#[test]
#[ignore = "prints every screen, for eyes"]
fn print_all() {
    for size in [(120, 35), (80, 24), (40, 10)] {
        for (name, mut model) in screens() {
            println!("{name} {size:?}");
            let ascii = std::env::var_os("ASCII").is_some();
            for line in lines(&mut model, size, Theme::new(true, ascii)) {
                println!("{}|", line.trim_end());
            }
        }
    }
}

#[test]
fn inside_a_virtual_machine_the_result_says_that_its_disk_file_stays() {
    let note = "the disk file of Docker Desktop on its host does not shrink by itself";
    for size in [(80, 24), (120, 35), (40, 10)] {
        let (_, mut model) = screens()
            .into_iter()
            .find(|(name, _)| *name == "outcome")
            .expect("the result");
        let shown = |model: &mut Model| {
            let frame = lines(model, size, Theme::new(true, false)).join(" ");
            frame.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert!(!shown(&mut model).contains("shrink"));
        let engine = EngineInfo {
            vm: Some("Docker Desktop".into()),
            ..EngineInfo::clone(&model.survey.inventory().engine)
        };
        update(&mut model, Msg::Scan(vec![Part::Engine(Arc::new(engine))]));
        let frame = shown(&mut model);
        assert!(frame.contains(note), "{frame}");
        // What was removed is still listed.
        assert!(frame.contains("conflict"), "{frame}");
    }
}
