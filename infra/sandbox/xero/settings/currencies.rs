//! `/Currencies`: those that the organisation is subscribed to.
//!
//! <https://developer.xero.com/documentation/api/accounting/currencies>

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::organisation::Organisation;
use crate::xero::parts::Part;
use crate::xero::reading::{Paging, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire::{self, places};
use crate::xero::writing::{Refused, given};

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Currency {
    /// Never shown: Xero knows currencies by their code.
    pub(crate) id: Uuid,
    pub(crate) code: String,
    pub(crate) description: String,
    pub(crate) added: Timestamp,
}

/// The three letters of a currency, for what there are many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrencyCode([u8; 3]);

impl CurrencyCode {
    /// Whatever isn't three letters of ASCII is no currency, and none of it is kept.
    pub(crate) fn read(code: &str) -> Self {
        Self(code.as_bytes().try_into().ok().filter(|code: &[u8; 3]| code.is_ascii()).unwrap_or_default())
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Serialize for CurrencyCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CurrencyCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|code| Self::read(&code))
    }
}

/// Those that are met most: code, what Xero calls them, and about how many thousandths make one New Zealand dollar.
const KNOWN: [(&str, &str, i64); 8] = [
    ("AUD", "Australian Dollar", 911),
    ("CAD", "Canadian Dollar", 832),
    ("EUR", "Euro", 563),
    ("GBP", "British Pound", 477),
    ("JPY", "Japanese Yen", 88_140),
    ("NZD", "New Zealand Dollar", 1_000),
    ("SGD", "Singapore Dollar", 784),
    ("USD", "United States Dollar", 604),
];
/// All that there are to subscribe to, as ISO 4217 has or had them.
/// <https://github.com/XeroAPI/Xero-OpenAPI>, `CurrencyCode`
const CODES: &str = "\
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BYR \
    BZD CAD CDF CHF CLF CLP CNY COP CRC CUC CUP CVE CZK DJF DKK DOP DZD EEK EGP ERN ETB EUR FJD FKP GBP \
    GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF \
    KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LTL LVL LYD MAD MDL MGA MKD MMK MNT MOP MRO MRU MUR MVR MWK \
    MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD \
    SCR SDG SEK SGD SHP SKK SLE SLL SOS SRD STD STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH \
    UGX USD UYU UZS VEF VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMK ZMW ZWD";
/// Of a currency that isn't among those that are met most.
const UNKNOWN_RATE: i64 = 625;
/// How far a day's rate may be from the usual one, in thousandths of it.
const SWING: i64 = 20;

/// Units of the currency for one of the other, as the market has it that day: made up, but the same whenever it is
/// asked for, and another the next day.
pub(crate) fn day_rate(currency: &str, base: &str, date: Date) -> Decimal {
    let of_the_day = |code: &str| {
        let known = KNOWN.iter().find(|(known, ..)| *known == code).map(|(.., rate)| *rate);
        // Each goes its own way.
        let own = code.bytes().fold(0, |own, letter| own * 31 + i64::from(letter)) % (2 * SWING) + 1;
        let days = i64::from(date.year()) * 366 + i64::from(date.day_of_year());
        let moved = (days * own).rem_euclid(2 * SWING + 1) - SWING;
        Decimal::new(known.unwrap_or(UNKNOWN_RATE), 3) * Decimal::new(1_000 + moved, 3)
    };
    let rate = of_the_day(currency).checked_div(of_the_day(base)).unwrap_or(Decimal::ONE);
    places(rate, 6).normalize()
}

fn currency_key(code: &str) -> String {
    format!("code:{code}")
}

impl Document for Currency {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.added
    }

    fn keys(&self) -> Vec<String> {
        vec![currency_key(&self.code)]
    }
}

impl Organisation {
    pub(crate) fn has_currency(&self, code: &str) -> bool {
        self.shelves.currencies.find(&currency_key(code)).is_some()
    }

    pub(crate) fn add_currency(&mut self, code: &str, description: &str, now: Timestamp) {
        if !self.has_currency(code) {
            self.shelves.currencies.put(Currency {
                id: self.ids.next(),
                code: code.to_owned(),
                description: description.to_owned(),
                added: now,
            });
        }
    }
}

pub(crate) struct Currencies;

impl Resource for Currencies {
    type Document = Currency;
    const KEY: &'static str = "Currencies";
    const ID: &'static str = "CurrencyID";
    const PAGING: Paging = Paging::Never;
    const DEFAULT_ORDER: Option<&'static str> = Some("Code");
    const PARTS: &'static [Part] = &[];
    const FIELDS: &'static [&'static str] = &["code", "description"];

    fn shelf(shelves: &Shelves) -> &Shelf<Currency> {
        &shelves.currencies
    }

    fn show(_: &Organisation, _: &Request, currency: &Currency, _: View) -> Map<String, Value> {
        wire::fields(json!({ "Code": currency.code, "Description": currency.description }))
    }

    /// Currencies are only ever added. One that is there already stays as it is.
    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        if request.method != "PUT" {
            return Err(Refused::NotImplemented);
        }
        let code = given(sent, "Code").unwrap_or_default();
        if !CODES.split(' ').any(|known| known == code) {
            return Err(Refused::because(None, format!("The currency code '{code}' is not valid")));
        }
        let known = KNOWN.iter().find(|(known, ..)| *known == code).map(|(_, name, _)| (*name).to_owned());
        let description = known.or_else(|| given(sent, "Description")).unwrap_or_else(|| code.clone());
        organisation.add_currency(&code, &description, request.now);
        let added = organisation.shelves.currencies.find(&currency_key(&code));
        added.map(|currency| currency.id).ok_or(Refused::NotFound)
    }
}
