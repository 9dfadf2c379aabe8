//! Users and passwords, as a gate sees them.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]
#![cfg(feature = "htpasswd")]

mod support;

use std::{fs, path::Path, sync::Arc, time::Duration};

use support::{basic, get, get_again};
use wharf_auth::{Challenge, Denial, Gate, Htpasswd, Limits, Memo, Policy};

/// A file is looked at once in ten milliseconds.
const A_MOMENT: Duration = Duration::from_millis(20);

fn line(user: &str, password: &str) -> String {
    format!("{user}:{}\n", bcrypt::hash_with_salt(password, 4, [7; 16]).unwrap())
}

fn gate(file: &Path) -> Gate {
    let users = Htpasswd::open(file, Limits::default()).unwrap();
    Gate::new(Challenge::basic("Registry"), Policy::Open("auth.htpasswd")).with(Arc::new(users))
}

#[tokio::test]
async fn users_of_the_file_may_and_others_are_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("htpasswd");
    fs::write(&file, line("alice", "wonder")).unwrap();
    let gate = gate(&file);
    for _ in 0..2 {
        let grant = get(&gate, "/v2/a/tags/list", &basic("alice", "wonder")).await.unwrap();
        assert_eq!(&*grant.subject.unwrap().0, "alice");
        assert_eq!(grant.rule.to_string(), "auth.htpasswd");
    }
    for wrong in ["", &basic("alice", "land"), &basic("bob", "wonder"), "Bearer wonder"] {
        let denial = get(&gate, "/v2/a/tags/list", wrong).await.err().unwrap();
        let Denial::Unauthorized { challenges, .. } = denial else { panic!("{denial:?}") };
        assert_eq!(challenges, ["Basic realm=\"Registry\""]);
    }
}

/// CVE-2025-23208: what was taken away from a user went on to count.
#[tokio::test]
async fn cve_2025_23208_a_user_that_is_taken_out_is_out_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("htpasswd");
    fs::write(&file, line("alice", "wonder") + &line("bob", "builder")).unwrap();
    let gate = gate(&file);
    let alice = basic("alice", "wonder");
    assert!(get(&gate, "/v2/", &alice).await.is_ok());
    let (memo, others) = (Memo::default(), Memo::default());
    for _ in 0..2 {
        assert!(get_again(&gate, &memo, "/v2/", &alice).await.is_ok());
        let wrong = basic("alice", "wondes");
        assert!(get_again(&gate, &memo, "/v2/", &wrong).await.is_err());
        assert!(get_again(&gate, &others, "/v2/", &wrong).await.is_err());
    }
    // Replaced, as an editor does it: what is remembered counts no more.
    let new = folder.path().join("new");
    fs::write(&new, line("bob", "builder")).unwrap();
    fs::rename(&new, &file).unwrap();
    std::thread::sleep(A_MOMENT);
    assert!(get(&gate, "/v2/", &alice).await.is_err());
    assert!(get_again(&gate, &memo, "/v2/", &alice).await.is_err());
    assert!(get(&gate, "/v2/", &basic("bob", "builder")).await.is_ok());
    // A file that is gone lets nobody in, and says that it is not the password.
    fs::remove_file(&file).unwrap();
    std::thread::sleep(A_MOMENT);
    let denial = get(&gate, "/v2/", &basic("bob", "builder")).await.err().unwrap();
    assert!(matches!(denial, Denial::Unavailable), "{denial:?}");
}

/// CVE-2026-4404: a user that everybody knows. docker/distribution makes a file with one, too.
#[test]
fn cve_2026_4404_nobody_is_invented() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("htpasswd");
    let error = Htpasswd::open(&file, Limits::default()).err().unwrap();
    assert!(error.to_string().contains("does not exist: make it with `htpasswd -B -c "), "{error}");
    assert!(!file.exists());
}
