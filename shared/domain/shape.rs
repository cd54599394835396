//! The shape of a text: what an error message may show of a value that it must not repeat.
//!
//! A phone number or a name in an error message ends up in logs and e-mails. Its shape says as much about
//! what is wrong ("letters where digits belong", "a comma in the amount") without saying whose it is.

/// How many characters of the shape are shown before it is cut.
const SHOWN: usize = 24;

/// Digits become `9`, letters `a`, spaces stay, punctuation stays: `Tel. 030/12` is `aaa. 999/99`.
pub fn shape_of(text: &str) -> String {
    let length = text.chars().count();
    let mut shape: String = text.chars().take(SHOWN).map(stand_in).collect();
    if length > SHOWN {
        shape.push_str(&format!("… ({length} characters)"));
    }
    shape
}

fn stand_in(character: char) -> char {
    match character {
        digit if digit.is_numeric() => '9',
        letter if letter.is_alphabetic() => 'a',
        control if control.is_control() => '?',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_keeps_the_punctuation_and_hides_the_letters_and_digits() {
        assert_eq!(shape_of("Tel. 030/12"), "aaa. 999/99");
        assert_eq!(shape_of("Zoë\n٣"), "aaa?9");
    }

    #[test]
    fn a_long_text_is_cut_and_counted() {
        assert_eq!(shape_of(&"x".repeat(100)), format!("{}… (100 characters)", "a".repeat(24)));
    }
}
