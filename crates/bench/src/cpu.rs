//! CPU time, as the operating system counts it.

use std::{fs, time::Duration};

use anyhow::Context as _;

/// `/proc/<pid>/stat` counts in ticks of this length, on every Linux that there is.
const TICK: Duration = Duration::from_millis(10);

/// What a process has used, in user and kernel mode, with all its threads.
pub fn of_process(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} cannot be measured"))?;
    let stat = Stat::read(&stat).context("/proc/<pid>/stat is not as expected")?;
    Ok(TICK.saturating_mul(stat.own))
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

/// What the processes `roots` and all that they started have used, also what of it has ended.
pub fn of_trees(roots: &[u32]) -> anyhow::Result<Duration> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").context("processes cannot be listed")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end at any time; its parent's count then has it.
        if let Some(stat) = fs::read_to_string(format!("/proc/{pid}/stat"))
            .ok()
            .and_then(|stat| Stat::read(&stat))
        {
            parents.push((pid, stat));
        }
    }
    let mut family = roots.to_vec();
    let mut ticks = 0_u32;
    while let Some(next) = family.pop() {
        for (pid, stat) in &parents {
            if *pid == next {
                ticks = ticks.saturating_add(stat.own).saturating_add(stat.of_ended);
            } else if stat.parent == next {
                family.push(*pid);
            }
        }
    }
    Ok(TICK.saturating_mul(ticks))
}

/// What `/proc/<pid>/stat` says of a process, with times in ticks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stat {
    parent: u32,
    /// `utime` and `stime`.
    own: u32,
    /// `cutime` and `cstime`: those of children that have ended.
    of_ended: u32,
}

impl Stat {
    fn read(stat: &str) -> Option<Self> {
        // The second field is the program's name, which may hold spaces and brackets.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |field: usize| fields.get(field)?.parse::<u32>().ok();
        Some(Self {
            parent: number(1)?,
            own: number(11)?.checked_add(number(12)?)?,
            of_ended: number(13)?.checked_add(number(14)?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_after_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 6 1 20 0 4 0 100";

        let read = Stat {
            parent: 1,
            own: 300,
            of_ended: 7,
        };
        assert_eq!(Stat::read(stat), Some(read));
        assert_eq!(Stat::read("7 (a"), None);
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
        assert!(of_trees(&[std::process::id()]).unwrap() > process, "{sum}");
    }

    #[test]
    fn what_a_process_started_counts_with_it_after_its_end_too() {
        let me = [std::process::id()];
        let before = of_trees(&me).unwrap();
        let mut work = std::process::Command::new("sh");
        work.args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]);

        assert!(work.status().unwrap().success());

        assert!(of_trees(&me).unwrap() >= before + 5 * TICK);
    }
}
