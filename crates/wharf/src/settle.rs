//! Gives back the memory that only the start needed.
//!
//! Reading the command line and the configuration runs through most of the program once. The pages of
//! it stay with the process as long as nobody asks for them, and are most of what an idle server
//! takes. They hold what is in the file of the program, so that they can go: the kernel brings back
//! those that are run again.

#[cfg(target_os = "linux")]
pub(crate) use linux::settle;

#[cfg(not(target_os = "linux"))]
pub(crate) fn settle() -> usize {
    0
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{ffi::c_void, fs, ops::Range};

    use rustix::mm::{Advice, madvise};

    /// Lets go of the pages of files that this process only reads. Returns how many bytes they may
    /// have been; none where the system does not say.
    pub(crate) fn settle() -> usize {
        let text = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
        read_only(&text).filter(let_go).map(|range| range.len()).sum()
    }

    /// The mappings of files that are private, cannot be written and hold no page of their own:
    /// nothing was ever written to them, not by relocations and not by a debugger.
    pub(super) fn read_only(smaps: &str) -> impl Iterator<Item = Range<usize>> {
        let mut current = None;
        smaps.lines().filter_map(move |line| {
            if let Some((range, mode, path)) = heading(line) {
                let reads = matches!(mode, "r--p" | "r-xp") && path.starts_with('/');
                current = reads.then_some(range);
            }
            match line.strip_prefix("Anonymous:")?.trim() {
                "0 kB" => current.take(),
                _ => None,
            }
        })
    }

    /// The range, the mode and the path of a line that begins a mapping, as
    /// `from-to mode offset device inode path`.
    fn heading(line: &str) -> Option<(Range<usize>, &str, &str)> {
        let mut words = line.split_ascii_whitespace();
        let (from, to) = words.next()?.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        let range = number(from)?..number(to)?;
        Some((range, words.next()?, words.nth(3).unwrap_or_default()))
    }

    #[expect(unsafe_code, reason = "an idle server takes less than half of the memory")]
    fn let_go(range: &Range<usize>) -> bool {
        // SAFETY: the kernel has just named the range as a private mapping of a file that cannot be
        // written and has no page that differs from the file. Without its pages it reads the same as
        // with them, since they are read from the file again: to those who use it nothing changes, at
        // whatever moment. Nothing in this program unmaps or remaps files, so that the range is still
        // that mapping.
        let done =
            unsafe { madvise(range.start as *mut c_void, range.len(), Advice::LinuxDontNeed) };
        done.is_ok()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::{linux::read_only, settle};

    const SMAPS: &str = "\
55d000-55e000 r--p 00000000 fe:00 123                        /usr/bin/wharf
Rss:                   4 kB
Anonymous:             0 kB
VmFlags: rd mr mw me sd
55e000-560000 r-xp 00001000 fe:00 123                        /usr/bin/wharf (deleted)
Anonymous:             0 kB
560000-561000 r--p 00003000 fe:00 123                        /usr/bin/wharf
Anonymous:             4 kB
561000-562000 rw-p 00004000 fe:00 123                        /usr/bin/wharf
Anonymous:             0 kB
562000-563000 r--s 00004000 fe:00 124                        /dev/shm/shared
Anonymous:             0 kB
7f0000-7f1000 r--p 00000000 00:00 0
Anonymous:             0 kB
7ff000-800000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
nonsense
";

    #[test]
    fn only_what_a_file_holds_is_let_go() {
        let found: Vec<_> = read_only(SMAPS).collect();
        assert_eq!(found, [0x55_d000..0x55_e000, 0x55_e000..0x56_0000]);
    }

    /// The test runs through the pages that it has let go.
    #[test]
    fn the_program_goes_on_with_less_memory() {
        let resident = || {
            let status = fs::read_to_string("/proc/self/status").expect("the kernel tells");
            let line = status.lines().find_map(|line| line.strip_prefix("RssFile:"));
            let size = line.and_then(|line| line.trim().strip_suffix(" kB")).map(str::parse::<u64>);
            size.expect("a size").expect("a number")
        };
        let before = resident();
        assert!(settle() > 0);
        assert!(resident() < before, "{before}");
    }
}
