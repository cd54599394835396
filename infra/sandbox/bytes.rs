//! Numbers and texts in few bytes, for what is kept by the million. Called by Salesforce's packed records and by
//! Xero's lines and contacts, which say what stands in which order.

/// Seven bits to a byte, the lowest first; the eighth says that there are more.
pub(crate) fn put_number(bytes: &mut Vec<u8>, number: usize) {
    let mut rest = number;
    while rest >= 0x80 {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// How many they are, and then they.
pub(crate) fn put_counted(bytes: &mut Vec<u8>, counted: &[u8]) {
    put_number(bytes, counted.len());
    bytes.extend_from_slice(counted);
}

/// What is still to be read of what was written by the above; past its end everything is nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    pub(crate) fn number(&mut self) -> usize {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 || shift > 63 {
                return number;
            }
        }
    }

    pub(crate) fn counted(&mut self) -> &'a [u8] {
        let length = self.number();
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> &'a str {
        std::str::from_utf8(self.counted()).unwrap_or_default()
    }

    /// So many of them, as far as there are.
    pub(crate) fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_come_back_and_past_the_end_is_nothing() {
        let mut bytes = Vec::new();
        let numbers = [0, 127, 128, 16_383, 16_384, usize::MAX];
        numbers.iter().for_each(|number| put_number(&mut bytes, *number));
        put_counted(&mut bytes, "Kōwhai".as_bytes());
        let mut bytes = Bytes(&bytes);
        assert_eq!(numbers.map(|_| bytes.number()), numbers);
        assert_eq!(bytes.text(), "Kōwhai");
        assert!(bytes.is_empty());
        assert_eq!((bytes.number(), bytes.text(), bytes.byte()), (0, "", 0));
    }
}
