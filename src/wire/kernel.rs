//! The two questions that only the kernel can answer: how many bytes the peer's TCP has not acknowledged, and whether the
//! connection still stands. This is the one module with `unsafe` in it.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// What the kernel says of a connection at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerState {
    /// Bytes written and not yet acknowledged by the peer's TCP, sent or not (`SIOCOUTQ`, tcp(7)).
    pub unacknowledged_bytes: u64,
    /// Whether neither a FIN nor a RST has come from the peer (`TCP_ESTABLISHED` in `TCP_INFO`).
    pub established: bool,
    /// The receive window that the peer has announced last, in bytes (`tcpi_snd_wnd`); `None` before Linux 5.4.
    pub window_bytes: Option<u32>,
}

/// Asks the kernel about the TCP socket `socket`.
///
/// # Errors
/// What the system calls return; `Unsupported` on anything but Linux.
#[cfg(target_os = "linux")]
pub fn peer_state(socket: BorrowedFd<'_>) -> io::Result<PeerState> {
    let mut unacknowledged: libc::c_int = 0;
    // SAFETY: the descriptor is borrowed, so it is open; TIOCOUTQ (the same number as SIOCOUTQ) writes one int to the
    // address it is given, which is a live, aligned c_int.
    let answer = unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            libc::TIOCOUTQ,
            std::ptr::from_mut(&mut unacknowledged),
        )
    };
    if answer != 0 {
        return Err(io::Error::last_os_error());
    }

    // As much of struct tcp_info (include/uapi/linux/tcp.h) as is wanted: tcpi_state is its first byte, tcpi_snd_wnd the 32 bits
    // at byte 228. An older kernel gives less.
    const STATE: usize = 0;
    const WINDOW: std::ops::Range<usize> = 228..232;
    let mut info = [0_u8; WINDOW.end];
    let mut length = WINDOW.end as libc::socklen_t;
    // SAFETY: the descriptor is open; TCP_INFO writes at most `length` bytes to the address, which is a live array of that size.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            std::ptr::from_mut(&mut info).cast(),
            std::ptr::from_mut(&mut length),
        )
    };
    if answer != 0 {
        return Err(io::Error::last_os_error());
    }
    // TCP_ESTABLISHED of include/net/tcp_states.h.
    const TCP_ESTABLISHED: u8 = 1;
    let window = info
        .get(..length as usize)
        .and_then(|info| info.get(WINDOW));
    Ok(PeerState {
        unacknowledged_bytes: u64::try_from(unacknowledged).unwrap_or(0),
        established: info[STATE] == TCP_ESTABLISHED,
        window_bytes: window
            .and_then(|window| window.try_into().ok())
            .map(u32::from_ne_bytes),
    })
}

/// Asks the kernel about the TCP socket `socket`.
///
/// # Errors
/// Always `Unsupported`: the configuration refuses `confirm: tcp` on this system.
#[cfg(not(target_os = "linux"))]
pub fn peer_state(socket: BorrowedFd<'_>) -> io::Result<PeerState> {
    let _ = socket.as_raw_fd();
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        (near, far)
    }

    #[test]
    fn what_a_full_receiver_has_not_acknowledged_is_counted_and_drains() {
        let (near, mut far) = pair();
        near.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(bytes) = (&near).write(&[0; 65536]) {
            written += bytes;
        }
        assert!(peer_state(near.as_fd()).unwrap().unacknowledged_bytes > 0);

        let mut buffer = vec![0; 65536];
        while written > 0 {
            written -= far.read(&mut buffer).unwrap();
        }
        // All of it has been read, so all of it was acknowledged but, at most, for an ACK under way on the loopback.
        while peer_state(near.as_fd()).unwrap().unacknowledged_bytes > 0 {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_fresh_receiver_announces_a_window() {
        let (near, _far) = pair();
        (&near).write_all(b"x").unwrap();
        while peer_state(near.as_fd()).unwrap().unacknowledged_bytes > 0 {
            std::thread::yield_now();
        }
        let window = peer_state(near.as_fd()).unwrap().window_bytes.unwrap();
        assert!((4_096..64 << 20).contains(&window), "{window}");
    }

    #[test]
    fn a_connection_that_the_peer_left_is_not_established() {
        let (mut near, far) = pair();
        assert!(peer_state(near.as_fd()).unwrap().established);
        drop(far);
        assert_eq!(near.read(&mut [0]).unwrap(), 0);
        assert!(!peer_state(near.as_fd()).unwrap().established);
    }
}
