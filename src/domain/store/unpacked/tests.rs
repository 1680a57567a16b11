use super::*;

#[test]
fn files_fill_pages_and_so_do_all_folders_on_the_way() {
    let mut tally = UnpackedTally::default();
    tally.folder("./").unwrap();
    tally.file("usr/lib/one", 1).unwrap();
    tally.folder("usr/").unwrap();
    tally.file("/usr/lib/two", 4_097).unwrap();
    tally.file("usr/empty", 0).unwrap();
    tally.hard_link("usr/again", "usr/lib/two").unwrap();
    tally.symlink("usr/link", "lib/one").unwrap();
    tally.symlink("usr/far", &"x".repeat(60)).unwrap();
    let extent = tally.extent();
    // The layer's own folder, usr and lib; one, two and the long link.
    assert_eq!(extent.bytes(Folders::InPages), Bytes((3 + 4) * PAGE));
    assert_eq!(extent.bytes(Folders::InInodes), Bytes(4 * PAGE));
    assert_eq!(extent.about(), Bytes::ZERO);
    assert!(extent.is_near());
}

#[test]
fn what_is_taken_away_has_no_bytes_but_needs_its_folder() {
    let mut tally = UnpackedTally::default();
    tally.file("etc/.wh.passwd", 0).unwrap();
    tally.file("var/.wh..wh..opq", 0).unwrap();
    tally.file(".wh.tmp", 0).unwrap();
    assert_eq!(tally.extent().bytes(Folders::InPages), Bytes(3 * PAGE));
}

#[test]
fn names_beyond_reason_are_not_kept() {
    let mut tally = UnpackedTally::default();
    let long = |number: usize| format!("{}{number}", "a/".repeat(200) + &"n".repeat(3_000));
    assert_eq!(tally.file(&"n".repeat(5_000), 1), Err(Unsupported));
    assert_eq!(tally.file("most", u64::MAX), Ok(()));
    let refused = (0..50_000).find(|number| tally.file(&long(*number), 0).is_err());
    assert!(refused.is_some());
}

#[test]
fn what_cannot_be_told_is_said() {
    let mut tally = UnpackedTally::default();
    tally.file("a", 5).unwrap();
    assert_eq!(tally.file("a", 5), Err(Unsupported));
    assert_eq!(tally.file("./a/b", 5), Err(Unsupported));
    assert_eq!(tally.file("../b", 5), Err(Unsupported));
    assert_eq!(tally.hard_link("b", "elsewhere"), Err(Unsupported));
    assert_eq!(tally.file("x/.wh.a", 0), Ok(()));
    assert_eq!(tally.file(".wh.a", 0), Err(Unsupported));
}

#[test]
fn a_large_folder_and_many_attributes_leave_room() {
    let mut tally = UnpackedTally::default();
    for number in 0..1_000 {
        let name = format!("folder/file-{number:06}");
        tally.file(&name, 0).unwrap();
    }
    tally.attributes(65);
    tally.attributes(64);
    let extent = tally.extent();
    let (bytes, about) = (extent.bytes(Folders::InPages).0, extent.about().0);
    // 1,000 names of 20 bytes each: five full pages and one that leads to them, or twice as many.
    let (least, most) = (bytes - about, bytes + about);
    assert!(least <= (1 + 5) * PAGE && most >= (1 + 11 + 1) * PAGE);
    assert!(extent.fits(Bytes(least), Folders::InPages));
    assert!(!extent.fits(Bytes(most + 1), Folders::InPages));
    assert!(extent.is_near());
    for number in 0..9_000 {
        tally.file(&format!("folder/more-{number:06}"), 0).unwrap();
    }
    assert!(!tally.extent().is_near());
}
