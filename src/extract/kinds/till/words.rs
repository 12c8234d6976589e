//! Words by which the head of a receipt is understood: lower case, without accents.

/// Legal forms, as words.
#[rustfmt::skip]
pub(super) const LEGAL_FORMS: &[&str] = &[
    "sdn bhd", "sdn", "bhd", "s b", "sb", "berhad", "enterprise", "enterprises", "trading", "gmbh", "ltd",
    "limited", "llc", "inc", "corp", "co kg", "plt", "pte", "resources", "holdings",
];

/// What a shop is, as words: they end a name that starts on the row above as often as they stand in one.
#[rustfmt::skip]
pub(super) const SHOP_WORDS: &[&str] = &[
    "restaurant", "restoran", "hardware", "supermarket", "hypermarket", "bakery", "pharmacy", "farmasi",
    "stationery", "apotheke", "cafe", "bistro", "mart", "market", "trading", "kitchen", "confectionery", "store",
    "stores", "shop", "house", "electrical", "tavern", "grill", "dining", "services", "distributor", "retail",
    "cash carry",
];

/// Slogans and courtesies, which are no name.
#[rustfmt::skip]
pub(super) const NO_NAMES: &[&str] = &[
    "goods sold", "thank you", "thank", "welcome", "returnable", "you decide", "win 1", "www", "shopping with",
    "posted", "not refundable", "exchangeable", "visit us", "copy", "original", "reprint", "customer", "duplicate",
    "your",
];

/// Words that end the head of a receipt.
#[rustfmt::skip]
pub(super) const HEAD_ENDS: &[&str] = &[
    "telephone", "te1", "t", "tel", "h p", "whatsapp", "whatsapps", "mobile", "served by", "hp", "careline", "fax",
    "gst", "tax invoice", "invoice", "receipt", "date", "cashier", "bill", "email", "www", "http", "table", "order",
    "guest", "server", "check", "hotline", "phone", "document", "slip", "cash", "description", "qty", "item",
    "total", "pos", "opening", "president", "terminal", "term", "sales", "company no", "am", "pm",
];

/// Words of streets, buildings and quarters, in the languages of the receipts at hand.
#[rustfmt::skip]
pub(super) const PLACES: &[&str] = &[
    "jalan", "jln", "jl", "lorong", "lrg", "persiaran", "lebuh", "lebuhraya", "taman", "tmn", "bandar", "kampung",
    "kg", "seksyen", "section", "tingkat", "bangunan", "wisma", "kompleks", "complex", "plaza", "menara", "pusat",
    "blok", "block", "floor", "flr", "level", "unit", "lot", "street", "st", "road", "rd", "avenue", "ave", "blvd",
    "boulevard", "broadway", "drive", "dr", "hwy", "highway", "lane", "ln", "square", "mall", "tower", "batu", "miles", "str",
    "straße", "strasse", "weg", "platz", "allee", "rue", "place", "suite", "ste",
];

/// States and countries, which end an address.
#[rustfmt::skip]
pub(super) const REGIONS: &[&str] = &[
    "selangor", "johor", "kuala lumpur", "kl", "penang", "pulau pinang", "perak", "melaka", "negeri sembilan",
    "pahang", "kedah", "kelantan", "terengganu", "sabah", "sarawak", "perlis", "putrajaya", "darul ehsan",
    "malaysia", "singapore", "sel", "deutschland", "germany", "usa",
];

/// Words from which on a row is no longer the address.
#[rustfmt::skip]
pub(super) const NOT_ADDRESS: &[&str] = &[
    "tel", "te1", "telephone", "fax", "phone", "outlet", "mobile", "email", "hotline", "careline", "gst", "h p",
    "hp", "opening", "website", "www", "tax invoice", "original", "goods",
];
