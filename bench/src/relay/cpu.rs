//! What the processor did for somebody, and how much memory somebody has.

use super::failure::RelayFailure;
use rustix::param::clock_ticks_per_second;
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A process by its number; `SELF` for this one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process(pub(super) u32);

impl Process {
    /// The time that its threads have had, all together, in user and system mode, to 10 ms.
    pub(super) fn time(self) -> Result<Duration, RelayFailure> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        time_in(&stat).ok_or_else(|| RelayFailure::wrong("/proc/PID/stat is not what it should be"))
    }

    /// The memory of its own that it occupies, in bytes: files that it has mapped do not count.
    pub(super) fn memory(self) -> Result<u64, RelayFailure> {
        self.status("RssAnon:")
    }

    /// The most memory that it has occupied until now, in bytes, with all that it has mapped.
    pub(super) fn memory_most(self) -> Result<u64, RelayFailure> {
        self.status("VmHWM:")
    }

    /// How many entries a folder of it has in `/proc`: open files (`fd`), threads (`task`).
    pub(super) fn entries(self, folder: &str) -> Result<usize, RelayFailure> {
        Ok(fs::read_dir(format!("/proc/{}/{folder}", self.0))?.count())
    }

    fn status(self, name: &str) -> Result<u64, RelayFailure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        kibibytes(&status, name).ok_or_else(|| RelayFailure::wrong("/proc/PID/status does not tell the memory"))
    }
}

/// Leaves the processor to whoever else wants it: this thread, and those that it starts, get the rest (SCHED_IDLE, which
/// `chrt` of util-linux sets). At the lowest priority alone, where that is missing, a thread keeps what it has for a slice.
pub(super) fn take_the_rest() {
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    let mut command = Command::new("chrt");
    command.args(["--idle", "--pid", "0", &thread]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if !command.status().is_ok_and(|status| status.success()) {
        let _ = rustix::process::nice(19);
    }
}

/// The time that this thread has had.
pub(super) fn of_this_thread() -> Duration {
    duration(ClockId::ThreadCPUTime)
}

/// The time that all threads of this process have had.
pub(super) fn of_this_process() -> Duration {
    duration(ClockId::ProcessCPUTime)
}

/// Bytes that this process has had written to disks.
pub(super) fn written_by_this_process() -> Result<u64, RelayFailure> {
    let io = fs::read_to_string("/proc/self/io")?;
    let written = io.lines().find_map(|line| line.strip_prefix("write_bytes:")?.trim().parse().ok());
    written.ok_or_else(|| RelayFailure::wrong("/proc/self/io does not tell what was written"))
}

fn duration(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

/// Fields 14 and 15 of proc_pid_stat(5). The second is a name that may hold anything but ends with the last `)`.
fn time_in(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let [user, system]: [u64; 2] = [fields.next()?.parse().ok()?, fields.next()?.parse().ok()?];
    Some(Duration::from_secs_f64((user + system) as f64 / clock_ticks_per_second() as f64))
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?.trim().strip_suffix(" kB")?;
    Some(value.trim().parse::<u64>().ok()? * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_strange_name_has_its_own_times() {
        let stat = "7 (a) b) 9) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 3 4 20 0 1 0 1 1 1";
        let ticks = 200.0 / clock_ticks_per_second() as f64;
        assert_eq!(time_in(stat), Some(Duration::from_secs_f64(ticks)));
        assert_eq!(time_in("7 (a S 1"), None);
    }

    #[test]
    fn this_process_has_memory_and_time() {
        let this = Process(std::process::id());
        assert!(this.memory().unwrap() > 4_096);
        let spent = of_this_process();
        while of_this_process() < spent + Duration::from_millis(30) {}
        assert!(this.time().unwrap() >= Duration::from_millis(10));
        assert!(of_this_thread() <= of_this_process());
    }

    #[test]
    fn a_thread_that_takes_the_rest_is_scheduled_so_with_those_that_it_starts_and_no_other() {
        // Field 41 of proc_pid_stat(5).
        let policy = || {
            let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
            stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(38).unwrap().to_owned()
        };
        let before = policy();
        let policies = std::thread::spawn(move || {
            take_the_rest();
            [policy(), std::thread::spawn(policy).join().unwrap()]
        });
        assert_eq!(policies.join().unwrap(), ["5", "5"]);
        assert_eq!(policy(), before);
    }
}
