use super::*;

#[test]
fn commands_read_as_they_were_written() {
    for (told, shown) in [
        ("/bin/sh -c #(nop)  CMD [\"sh\"]", "CMD [\"sh\"]"),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("RUN make # buildkit", "RUN make # buildkit"),
        ("", ""),
    ] {
        assert_eq!(command(told), shown);
    }
}
