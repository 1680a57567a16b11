use rustix::fs::{FlockOperation, flock};

use super::*;

#[test]
fn a_file_is_in_use_while_somebody_has_locked_it_for_himself() {
    let file = tempfile::tempfile().unwrap();
    assert!(!is_locked(&file));
    flock(&file, FlockOperation::LockShared).unwrap();
    assert!(!is_locked(&file), "others may have it, too");
    flock(&file, FlockOperation::LockExclusive).unwrap();
    assert!(is_locked(&file));
    flock(&file, FlockOperation::Unlock).unwrap();
    assert!(!is_locked(&file));
}

#[test]
fn a_line_names_the_process_and_the_inode() {
    let line = "2: FLOCK  ADVISORY  WRITE 612 fe:00:5324805 0 EOF";
    assert_eq!(holder(line, 5_324_805), Some(612));
    assert_eq!(holder(line, 5), None);
    // Somebody who waits for it, and a lock of a part.
    for other in [
        "2: -> FLOCK  ADVISORY  WRITE 612 fe:00:5 0 EOF",
        "3: POSIX  ADVISORY  WRITE 612 fe:00:5 0 EOF",
        "3: FLOCK  ADVISORY  READ 612 fe:00:5 0 EOF",
        "3: FLOCK  ADVISORY  WRITE -1 fe:00:5 0 EOF",
        "",
    ] {
        assert_eq!(holder(other, 5), None, "{other}");
    }
}
