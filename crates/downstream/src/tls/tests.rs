//! Certificates from files: what can be shown, and what changes while it runs.
//! Owns its own authority; touches files of a temporary folder, no socket.

use super::*;
use rcgen::{CertifiedKey as Made, generate_simple_self_signed};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("tidegate-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn options(&self, cert: &str, key: &str) -> TlsOptions {
        TlsOptions {
            cert_file: self.write("cert.pem", cert),
            key_file: self.write("key.pem", key),
            reload_interval: Duration::from_secs(3600),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn made() -> (String, String) {
    let Made { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

#[test]
fn what_cannot_be_shown_is_told_with_its_file() {
    let folder = Folder::new("faults");
    let ((cert, key), (_, other_key)) = (made(), made());
    let table = [
        ("", &*key, "cert.pem: there is no certificate in it"),
        ("nonsense", &key, "cert.pem: there is no certificate in it"),
        (&cert, "nonsense", "key.pem: "),
        (&cert, &other_key, "key.pem: "),
    ];
    for (cert, key, told) in table {
        let error = Tls::load(folder.options(cert, key), true).expect_err(told).to_string();
        assert!(error.contains(told), "{error}, not {told}");
    }
    let absent = TlsOptions { cert_file: folder.0.join("none"), ..folder.options(&cert, &key) };
    assert!(Tls::load(absent, true).expect_err("no file").to_string().contains("none: "));
    assert!(Tls::load(folder.options(&cert, &key), true).is_ok());
}

#[test]
fn a_new_certificate_is_shown_and_a_broken_one_is_not() {
    let folder = Folder::new("reload");
    let ((first, key), (second, other_key)) = (made(), made());
    let tls = Tls::load(folder.options(&first, &key), true).unwrap();
    let before = tls.shown.0.load().cert.clone();
    assert!(!tls.reload().unwrap(), "nothing has changed");
    folder.options(&second, &key);
    assert!(tls.reload().is_err(), "half of a pair is written");
    assert_eq!(tls.shown.0.load().cert, before);
    folder.options(&second, &other_key);
    assert!(tls.reload().unwrap());
    assert_ne!(tls.shown.0.load().cert, before);
}
