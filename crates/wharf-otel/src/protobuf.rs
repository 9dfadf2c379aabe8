//! As much of protobuf as OTLP needs of it: messages are written, never read.

/// A message as it grows. Each of its fields has a number, which the schema of OTLP names.
#[derive(Default)]
pub(crate) struct Message(Vec<u8>);

/// How a field is written, in the numbers of protobuf.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Length = 2,
}

// === impl Message ===

impl Message {
    /// A number that is mostly small; a negative one takes ten bytes.
    pub(crate) fn number(mut self, field: u8, number: i64) -> Self {
        self.tag(field, Wire::Varint);
        self.varint(number.cast_unsigned());
        self
    }

    /// A number that is mostly large.
    pub(crate) fn fixed64(mut self, field: u8, number: u64) -> Self {
        self.tag(field, Wire::Fixed64);
        self.0.extend(number.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, field: u8, bytes: &[u8]) -> Self {
        self.tag(field, Wire::Length);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    pub(crate) fn text(self, field: u8, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub(crate) fn message(self, field: u8, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    fn tag(&mut self, field: u8, wire: Wire) {
        self.varint(u64::from(field) << 3 | wire as u64);
    }

    /// Seven bits in each byte, the lowest first; the eighth says that more follow.
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

impl From<Message> for Vec<u8> {
    fn from(message: Message) -> Self {
        message.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of protobuf's own page on its encoding.
    #[test]
    fn fields_are_written_as_the_specification_has_them() {
        let check = |message: Message, expected: &[u8]| assert_eq!(message.0, expected);
        let start = Message::default;
        check(start().number(1, 150), &[0x08, 0x96, 0x01]);
        check(start().number(1, 0), &[0x08, 0x00]);
        check(start().text(2, "testing"), b"\x12\x07testing");
        check(start().message(3, &start().number(1, 150)), &[0x1a, 0x03, 0x08, 0x96, 0x01]);
        check(start().fixed64(7, 1), &[0x39, 1, 0, 0, 0, 0, 0, 0, 0]);
        let minus_two = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        check(start().number(16, -2), &[&[0x80, 0x01][..], &minus_two].concat());
    }
}
