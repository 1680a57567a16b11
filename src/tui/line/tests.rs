//! Lines to terminals that are slow, hang, or are gone.

use std::time::Instant;

use super::*;

/// A terminal that takes so long for each piece, and remembers what it took.
struct Slow {
    each: Duration,
    took: Arc<Mutex<Vec<u8>>>,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        thread::sleep(self.each);
        self.took.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_slow_terminal_gets_all_in_its_order_and_one_that_hangs_is_given_up() {
    const PATIENCE: Duration = Duration::from_secs(1);
    let line = |each| {
        let took = Arc::<Mutex<Vec<u8>>>::default();
        let slow = Slow {
            each,
            took: Arc::clone(&took),
        };
        (Line::over(slow).unwrap(), took)
    };
    let frame: Vec<u8> = (0..12 * PIECE)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect();
    let (slow, took) = line(PATIENCE / 10);
    slow.send(&frame);
    assert!(!slow.is_free());
    slow.send(b"the end");
    slow.finish(PATIENCE);
    assert!(
        slow.is_free(),
        "longer than the patience, and yet to the end"
    );
    assert_eq!(*took.lock().unwrap(), [&frame[..], b"the end"].concat());
    let (hanging, took) = line(Duration::from_secs(3600));
    let start = Instant::now();
    hanging.send(&frame);
    hanging.finish(PATIENCE);
    assert!(start.elapsed() >= PATIENCE && !hanging.is_free());
    assert!(took.lock().unwrap().is_empty());
}

/// A terminal that is gone.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_terminal_that_is_gone_is_told_and_holds_nobody_up() {
    let line = Line::over(Gone).unwrap();
    for _ in 0..2 {
        assert!(line.is_free());
        Pen::new(line.clone()).write_all(b"not flushed").unwrap();
        line.send(b"a frame");
        line.taken().await;
        assert!(line.is_cut());
        line.finish(Duration::from_secs(60));
    }
}
