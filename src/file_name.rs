//! A file name for whatever a user types.

/// Bytes of a name; 255 is the limit of usual file systems, and an ending needs some.
const LONGEST: usize = 150;

/// A name that no other text has, that leads into no other directory, and that is not hidden.
///
/// What is no letter of ASCII, digit, `-`, `_`, `.` or `@` is percent-encoded, byte for byte, and so is a dot at the beginning. A long name is cut
/// and ends in a hash of all of it.
pub(crate) fn of(text: &str) -> String {
    let mut name = String::new();
    for byte in text.bytes() {
        let hides = byte == b'.' && name.is_empty();
        if !hides && (byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte)) {
            name.push(char::from(byte));
        } else {
            name.extend(['%', hex(byte >> 4), hex(byte & 0xf)]);
        }
    }
    if name.is_empty() {
        // No text has this one: its own per cent sign would be encoded.
        name.push('%');
    }
    if name.len() > LONGEST {
        // FNV-1a, 64 bits (draft-eastlake-fnv): only has to keep apart what a cut would join.
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        name.truncate(LONGEST - 17);
        name.push('~');
        name.extend(
            hash.to_be_bytes()
                .iter()
                .flat_map(|byte| [hex(byte >> 4), hex(byte & 0xf)]),
        );
    }
    name
}

fn hex(digit: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(digit & 0xf)])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_text_has_a_name_of_its_own_that_stays_in_its_directory() {
        for (text, name) in [
            ("gw1", "gw1"),
            ("u@h:22", "u@h%3A22"),
            ("2001:db8::1", "2001%3Adb8%3A%3A1"),
            ("..", "%2E."),
            ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
            ("", "%"),
            ("bücher", "b%C3%BCcher"),
            ("a%2fb", "a%252fb"),
        ] {
            assert_eq!(of(text), name);
        }
        let long = "a".repeat(300);
        let texts = ["", "_", ".", "..", "%", "%2E", "a/b", "a%2Fb", "a\0", &long];
        let mut texts = texts.map(String::from).to_vec();
        texts.extend([format!("{long}b"), "ü".repeat(300)]);
        let names: BTreeSet<String> = texts.iter().map(|text| of(text)).collect();
        assert_eq!(names.len(), texts.len());
        for name in names {
            assert!(!name.is_empty() && name.len() <= LONGEST, "{name}");
            assert!(
                !name.starts_with('.') && !name.contains(['/', '\0']),
                "{name}"
            );
        }
    }
}
