//! Salesforce ids: fifteen characters that tell upper from lower case, and three more that carry the case.

/// Base 62 in the order Salesforce counts.
const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECK: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The `number`th id of an object with this key prefix, in its 18 characters.
pub(crate) fn make(prefix: &str, number: u64) -> String {
    let mut digits = [b'0'; 8];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    let short = format!("{prefix}5f00{}", String::from_utf8_lossy(&digits));
    lengthen(&short)
}

/// The 18 characters of an id given with 15 or 18; none when it is no id.
pub(crate) fn normalise(id: &str) -> Option<String> {
    let alphanumeric = id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match id.len() {
        15 if alphanumeric => Some(lengthen(id)),
        18 if alphanumeric => {
            let long = lengthen(&id[..15]);
            (long[15..].eq_ignore_ascii_case(&id[15..])).then_some(long)
        }
        _ => None,
    }
}

fn lengthen(short: &str) -> String {
    let mut long = short.to_owned();
    for group in short.as_bytes().chunks(5) {
        let bits = group.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
        let index = bits.fold(0, |sum, (place, _)| sum | 1 << place);
        long.push(char::from(CHECK[index]));
    }
    long
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_letters_are_those_of_recorded_ids() {
        assert_eq!(normalise("001dM00003kRs59").as_deref(), Some("001dM00003kRs59QAC"));
        assert_eq!(normalise("001dM00003kRs59QAC").as_deref(), Some("001dM00003kRs59QAC"));
        assert_eq!(normalise("00D5f000005KcCnEAK").as_deref(), Some("00D5f000005KcCnEAK"));
        assert_eq!(normalise("001dM00003kRs59QAD"), None);
        assert_eq!(normalise("Acme"), None);
    }

    #[test]
    fn made_ids_are_eighteen_long_and_keep_their_prefix() {
        let id = make("006", 62 * 62 + 11);
        assert!(id.starts_with("0065f000000010B"), "{id}");
        assert_eq!(normalise(&id[..15]), Some(id));
    }
}
