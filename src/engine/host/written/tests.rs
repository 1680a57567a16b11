use super::*;
use crate::domain::text::Text;

fn of(path: &str) -> Option<Bytes> {
    written(&[Disk {
        path: Text::from(path),
        ..Disk::default()
    }])
}

#[test]
fn what_lies_on_no_device_is_not_counted() {
    assert_eq!(of("/proc"), None);
    assert_eq!(of("/dev/shm"), None);
    assert_eq!(of("/nowhere"), None);
    assert_eq!(written(&[]), Some(Bytes::ZERO));
}
