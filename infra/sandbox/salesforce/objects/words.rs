//! One field in the words of `standard_objects.txt`: `NAME: type(size) flags = values`.

use super::{Field, FieldType, NAMES};

pub(super) fn field(line: &str) -> Result<Field, String> {
    let wrong = |what: &str| format!("`{line}`: {what}");
    let (name, rest) = line.split_once(':').ok_or_else(|| wrong("expected `NAME: type(size) flags`"))?;
    let (rest, values) = rest.split_once(" = ").unwrap_or((rest, ""));
    let mut words = rest.split_whitespace();
    let kind_word = words.next().ok_or_else(|| wrong("the type is missing"))?;
    let (kind_name, size) = kind_word.split_once('(').unwrap_or((kind_word, "0)"));
    let kind = NAMES.iter().find(|(known, _)| *known == kind_name).map(|(_, kind)| *kind);
    let kind = kind.ok_or_else(|| wrong("no such type"))?;
    let numbers: Result<Vec<u32>, _> = size.trim_end_matches(')').split(',').map(str::parse).collect();
    let numbers = numbers.map_err(|_| wrong("the size must be numbers"))?;
    let first = numbers.first().copied().unwrap_or(0);
    let length = match kind {
        FieldType::Reference => 18,
        FieldType::Picklist | FieldType::MultiPicklist => 255,
        _ if kind.is_number() => 0,
        _ => first as usize,
    };
    let mut made = Field {
        name: name.trim().to_owned(),
        kind,
        length,
        precision: if kind.is_number() { first } else { 0 },
        scale: numbers.get(1).copied().unwrap_or(0),
        required: false,
        createable: true,
        updateable: true,
        unique: false,
        external_id: false,
        id_lookup: kind == FieldType::Id,
        restricted: false,
        multi_currency: false,
        master: false,
        cascade: false,
        restrict: false,
        picklist: Vec::new(),
        default: None,
        reference_to: Vec::new(),
        relationship: None,
        children: None,
    };
    while let Some(word) = words.next() {
        let mut next = || words.next().map(str::to_owned).ok_or_else(|| wrong("a name is missing"));
        match word {
            "required" => made.required = true,
            "unique" => made.unique = true,
            "external" => (made.external_id, made.id_lookup) = (true, true),
            "idlookup" => made.id_lookup = true,
            "readonly" => (made.createable, made.updateable) = (false, false),
            "createonly" => made.updateable = false,
            "restricted" => made.restricted = true,
            "currency" => made.multi_currency = true,
            "master" => made.master = true,
            "cascade" => made.cascade = true,
            "restrict" => made.restrict = true,
            "->" => made.reference_to = next()?.split(',').map(str::to_owned).collect(),
            "as" => made.relationship = Some(next()?),
            "children" => made.children = Some(next()?),
            _ => return Err(wrong(&format!("`{word}` is no flag"))),
        }
    }
    for value in values.split('|').map(str::trim).filter(|value| !value.is_empty()) {
        let plain = value.trim_end_matches('*');
        if plain != value {
            made.default = Some(plain.to_owned());
        }
        made.picklist.push(plain.to_owned());
    }
    Ok(made)
}
