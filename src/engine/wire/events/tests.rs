use super::*;

fn of(kind: &str, action: &str) -> Option<Change> {
    change(&format!(
        r#"{{"Type":"{kind}","Action":"{action}","Actor":{{"ID":"c1"}}}}"#
    ))
}

#[test]
fn what_changes_and_what_only_looks() {
    let container = Some(Change::Container(ContainerId::new("c1")));
    for action in [
        "create", "die", "died", "destroy", "remove", "rename", "novel",
    ] {
        assert_eq!(of("container", action), container, "{action}");
    }
    for action in [
        "exec_create: sh",
        "exec_die",
        "health_status: healthy",
        "top",
    ] {
        assert_eq!(of("container", action), None, "{action}");
    }
    for action in [
        "pull",
        "tag",
        "untag",
        "delete",
        "remove",
        "loadfromarchive",
    ] {
        assert_eq!(of("image", action), Some(Change::Images), "{action}");
    }
    assert_eq!(of("image", "push"), None);
    assert_eq!(of("volume", "create"), Some(Change::Volumes));
    assert_eq!(of("volume", "mount"), None);
    assert_eq!(of("builder", "prune"), Some(Change::BuildCache));
    for kind in ["service", "node"] {
        assert_eq!(of(kind, "update"), Some(Change::Swarm), "{kind}");
    }
    assert_eq!(of("pod", "create"), None);
}

#[test]
fn old_forms_and_broken_lines() {
    assert_eq!(
        change(r#"{"Type":"container","status":"die","id":"c2"}"#),
        Some(Change::Container(ContainerId::new("c2")))
    );
    assert_eq!(change(r#"{"Type":"container","Action":"prune"}"#), None);
    for line in ["", "{", "[]", "7", "null"] {
        assert_eq!(change(line), None, "{line}");
    }
}
