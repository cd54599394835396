//! The words that made-up companies, people and products are put together from. Some are hard on purpose: letters that
//! aren't ASCII, names in two words, phone numbers in every style.

pub(super) const FIRST: [&str; 40] = [
    "Alder", "Amber", "Birch", "Black", "Blue", "Bright", "Cedar", "Clear", "Copper", "Crown", "East", "Elm",
    "Fair", "Fern", "Glen", "Golden", "Grey", "Harbour", "Hazel", "High", "Iron", "Kings", "Larch", "Long",
    "Maple", "Mill", "North", "Oak", "Old", "Red", "River", "Rose", "Silver", "South", "Stone", "Summer",
    "Swan", "West", "White", "Winter",
];
pub(super) const SECOND: [&str; 25] = [
    "bank", "bridge", "brook", "bury", "dale", "field", "ford", "gate", "grove", "haven", "hill", "hurst",
    "land", "lea", "mere", "moor", "port", "ridge", "side", "stead", "ton", "vale", "view", "water", "wood",
];
/// What follows the name, and the industry it is of.
pub(super) const TRADES: [(&str, &str); 24] = [
    ("Foods", "Manufacturing"),
    ("Logistics", "Transportation"),
    ("Partners", "Consulting"),
    ("Systems", "Technology"),
    ("Builders", "Construction"),
    ("Textiles", "Manufacturing"),
    ("Dental", "Healthcare"),
    ("Studios", "Media"),
    ("Energy", "Energy"),
    ("Marine", "Transportation"),
    ("Interiors", "Retail"),
    ("Engineering", "Engineering"),
    ("Coffee", "Hospitality"),
    ("Joinery", "Construction"),
    ("Pharma", "Healthcare"),
    ("Optics", "Electronics"),
    ("Nurseries", "Agriculture"),
    ("Print", "Media"),
    ("Software", "Technology"),
    ("Insurance", "Insurance"),
    ("Training", "Education"),
    ("Motors", "Retail"),
    ("Plumbing", "Construction"),
    ("Hotels", "Hospitality"),
];
pub(super) const GIVEN: [&str; 32] = [
    "Aisha", "Alan", "Ana", "Ben", "Camille", "Chloe", "Daniel", "Dev", "Elena", "Erin", "Fatima", "George",
    "Grace", "Hana", "Hugo", "Ivan", "Jürgen", "Joy", "Kiri", "Lars", "Leah", "Mateo", "Mei", "Noah", "Nora",
    "Olivia", "Priya", "Ravi", "Sofía", "Tane", "Wiremu", "Zoë",
];
pub(super) const FAMILY: [&str; 32] = [
    "Archer",
    "Bauer",
    "Bell",
    "Chen",
    "Clarke",
    "Dubois",
    "Edwards",
    "Evans",
    "Fischer",
    "García",
    "Haddad",
    "Hughes",
    "Ito",
    "Jones",
    "Kaur",
    "Khan",
    "Lefèvre",
    "MacDonald",
    "Martin",
    "Müller",
    "Ngata",
    "Nguyễn",
    "O'Brien",
    "Okafor",
    "Parata",
    "Patel",
    "Reid",
    "Rossi",
    "Sørensen",
    "Smith-Jones",
    "Taylor",
    "Walker",
];
pub(super) const TITLES: [&str; 10] = [
    "Accounts Payable",
    "Buyer",
    "Chief Executive",
    "Finance Director",
    "Head of IT",
    "Office Manager",
    "Operations Manager",
    "Owner",
    "Procurement Lead",
    "Project Manager",
];
/// Name, code, family, price.
pub(super) const PRODUCTS: [(&str, &str, &str, &str); 24] = [
    ("Rack server", "HW-SERVER", "Hardware", "2499.00"),
    ("Laptop 14\"", "HW-LAPTOP", "Hardware", "1189.50"),
    ("Network switch", "HW-SWITCH", "Hardware", "329.99"),
    ("Cable, per metre", "HW-CABLE", "Hardware", "0.85"),
    ("Installation, day", "SV-INSTALL", "Services", "780.00"),
    ("Consulting, hour", "SV-CONSULT", "Services", "145.00"),
    ("Training, seat", "SV-TRAIN", "Services", "260.00"),
    ("Support, month", "SV-SUPPORT", "Services", "99.00"),
    ("Licence, seat", "SW-SEAT", "Software", "18.75"),
    ("Licence, site", "SW-SITE", "Software", "4200.00"),
    ("Backup, GB", "SW-BACKUP", "Software", "0.12"),
    ("Shipping", "SHIP", "None", "25.00"),
    ("Monitor 27\"", "HW-MONITOR", "Hardware", "284.90"),
    ("Docking station", "HW-DOCK", "Hardware", "169.00"),
    ("Access point", "HW-AP", "Hardware", "214.45"),
    ("Uninterruptible supply", "HW-UPS", "Hardware", "649.00"),
    ("Security review", "SV-REVIEW", "Services", "1950.00"),
    ("Data migration, day", "SV-MIGRATE", "Services", "920.00"),
    ("On-call, week", "SV-ONCALL", "Services", "410.00"),
    ("Disposal, item", "SV-DISPOSE", "Services", "14.50"),
    ("Mail security, seat", "SW-MAIL", "Software", "3.40"),
    ("Reporting, site", "SW-REPORT", "Software", "1150.00"),
    ("Password vault, seat", "SW-VAULT", "Software", "4.10"),
    ("Archive, TB", "SW-ARCHIVE", "Software", "37.50"),
];

pub(super) struct Country {
    pub(super) name: &'static str,
    pub(super) forms: &'static [&'static str],
    pub(super) streets: &'static [&'static str],
    pub(super) cities: &'static [City],
}

/// In patterns `0` stands for any digit and `o` for a zero.
pub(super) struct City {
    pub(super) name: &'static str,
    pub(super) region: &'static str,
    pub(super) postal_code: &'static str,
    pub(super) phones: &'static [&'static str],
}

pub(super) const COUNTRIES: [Country; 6] = [
    Country {
        name: "United Kingdom",
        forms: &["Ltd", "LLP", "plc", "& Co"],
        streets: &["# High Street", "# Station Road", "Unit #, Canal Works", "# Mill Lane"],
        cities: &[
            City {
                name: "Leeds",
                region: "West Yorkshire",
                postal_code: "LS1 4AA",
                phones: &["o113 496 o000", "+44 113 496 o000", "(o113) 496o000"],
            },
            City {
                name: "London",
                region: "",
                postal_code: "EC2A 4AA",
                phones: &["o2o 7946 o000", "+44 (o)2o 7946 o000", "o2o7946o000"],
            },
            City {
                name: "Manchester",
                region: "",
                postal_code: "M1 3AA",
                phones: &["o161 496 o000", "+44161496o000", "o161-496-o000"],
            },
        ],
    },
    Country {
        name: "United States",
        forms: &["Inc.", "LLC", "Corp."],
        streets: &["# Main Street", "# Congress Ave, Suite 12", "# 2nd Street"],
        cities: &[
            City {
                name: "Austin",
                region: "TX",
                postal_code: "78700",
                phones: &["512-555-o100", "+1 (512) 555-o100", "512.555.o100"],
            },
            City {
                name: "Portland",
                region: "OR",
                postal_code: "97200",
                phones: &["(5o3) 555-o100", "+15o3555o100", "5o3 555 o100"],
            },
        ],
    },
    Country {
        name: "Germany",
        forms: &["GmbH", "AG", "GmbH & Co. KG"],
        streets: &["Hauptstraße #", "Am Markt #", "Lindenallee #"],
        cities: &[
            City {
                name: "Köln",
                region: "Nordrhein-Westfalen",
                postal_code: "50600",
                phones: &["o221 471o 000", "+49 221 471o000", "o221/471o000"],
            },
            City {
                name: "Berlin",
                region: "Berlin",
                postal_code: "10100",
                phones: &["o3o 23125 000", "+49 (o)3o 23125 000", "o3o/23125000"],
            },
        ],
    },
    Country {
        name: "New Zealand",
        forms: &["Limited", "Ltd", "& Sons Ltd"],
        streets: &["# Lambton Quay", "# Queen Street", "# Victoria Road"],
        cities: &[
            City {
                name: "Wellington",
                region: "",
                postal_code: "6011",
                phones: &["o4 555 0000", "+64 4 555 0000", "(o4) 555-0000"],
            },
            City {
                name: "Auckland",
                region: "",
                postal_code: "1010",
                phones: &["o9 555 0000", "+64 9 555 0000", "o95550000"],
            },
        ],
    },
    Country {
        name: "Australia",
        forms: &["Pty Ltd", "Pty Limited"],
        streets: &["# Hay Street", "Level 3, # Collins Street"],
        cities: &[
            City {
                name: "Perth",
                region: "WA",
                postal_code: "6000",
                phones: &["o8 555o 0000", "+61 8 555o 0000", "(o8) 555o 0000"],
            },
            City {
                name: "Melbourne",
                region: "VIC",
                postal_code: "3000",
                phones: &["o3 555o 0000", "+61 3 555o 0000", "o3555o0000"],
            },
        ],
    },
    Country {
        name: "France",
        forms: &["SARL", "SAS", "SA"],
        streets: &["# rue de la République", "# avenue Jean Jaurès", "# bis, quai Perrache"],
        cities: &[
            City {
                name: "Lyon",
                region: "Rhône",
                postal_code: "69001",
                phones: &["o4 65 71 00 00", "+33 4 65 71 00 00", "o4.65.71.00.00"],
            },
            City {
                name: "Nantes",
                region: "Loire-Atlantique",
                postal_code: "44000",
                phones: &["o2 61 91 00 00", "+33 2 61 91 00 00", "o261910000"],
            },
        ],
    },
];
