//! CPU time, as the operating system counts it.

use std::{fs, time::Duration};

use anyhow::Context as _;

/// `/proc/<pid>/stat` counts in ticks of this length, on every Linux that there is.
const TICK: Duration = Duration::from_millis(10);

/// What a process has used, in user and kernel mode, with all its threads.
pub fn of_process(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} cannot be measured"))?;
    let ticks = ticks(&stat).context("/proc/<pid>/stat is not as expected")?;
    Ok(TICK.saturating_mul(ticks))
}

/// What this thread has used.
pub fn of_this_thread() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")
        .context("this thread cannot be measured")?;
    let first = stat
        .split_whitespace()
        .next()
        .context("the file is empty")?;
    Ok(Duration::from_nanos(first.parse()?))
}

/// The fields 14 and 15: `utime` and `stime`.
fn ticks(stat: &str) -> Option<u32> {
    // The second field is the program's name, which may hold spaces and brackets.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let kernel: u32 = fields.next()?.parse().ok()?;
    user.checked_add(kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_after_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 100";

        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("7 (a"), None);
    }

    #[test]
    fn work_is_counted_for_the_thread_and_its_process() {
        let thread = of_this_thread().unwrap();
        let process = of_process(std::process::id()).unwrap();
        let mut sum = 0_u64;
        while of_this_thread().unwrap().saturating_sub(thread) < Duration::from_millis(60) {
            sum = (0..50_000).fold(sum, |sum, n: u64| sum ^ n.wrapping_mul(sum | 1));
        }

        assert!(of_process(std::process::id()).unwrap() > process, "{sum}");
    }
}
