//! A connection, whatever carries it.

use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes both ways, whatever carries them.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
