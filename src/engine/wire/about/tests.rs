use serde_json::json;

use super::*;

#[test]
fn virtual_machines_are_known_by_what_they_say() {
    let vm = |info: Value| about(&info, &json!({}), false).vm;
    let linux = "6.10.14-linuxkit";
    let desktop = json!({"OperatingSystem": "Docker Desktop", "Name": "docker-desktop", "KernelVersion": linux});
    assert_eq!(vm(desktop).as_deref(), Some("Docker Desktop"));
    let wsl = json!({"OperatingSystem": "Ubuntu 24.04 LTS", "Name": "pc", "KernelVersion": "5.15.153.1-microsoft-standard-WSL2"});
    assert_eq!(vm(wsl).as_deref(), Some("WSL"));
    let colima = |name: &str| json!({"OperatingSystem": "Ubuntu 24.04 LTS", "Name": name, "KernelVersion": "6.8.0"});
    assert_eq!(vm(colima("colima")).as_deref(), Some("Colima"));
    assert_eq!(vm(colima("colima-work")).as_deref(), Some("Colima"));
    assert_eq!(vm(colima("lima-rancher-desktop")).as_deref(), Some("Lima"));
    for none in [colima("web-3"), colima("colimadb"), json!({})] {
        assert_eq!(vm(none), None);
    }
}

#[test]
fn only_an_engine_that_says_so_is_in_no_swarm() {
    use serde_json::json;
    let swarm = |info: serde_json::Value, podman| super::swarm(Row(&info), podman);
    let state = |word: &str, control: bool| json!({"Swarm": {"LocalNodeState": word, "ControlAvailable": control}});
    assert_eq!(swarm(state("inactive", false), false), Swarm::Inactive);
    assert_eq!(swarm(state("active", true), false), Swarm::Manager);
    assert_eq!(swarm(state("active", false), false), Swarm::Worker);
    for word in ["pending", "error", "locked", ""] {
        assert_eq!(swarm(state(word, false), false), Swarm::Unknown, "{word}");
    }
    assert_eq!(swarm(json!({}), true), Swarm::Inactive);
    for podman in [false, true] {
        assert_eq!(swarm(json!(null), podman), Swarm::Unknown);
    }
}
