//! Made-up content that adds up. Every name says that it is an example; no hospital, shop or person is real.

use super::dice::Dice;
use crate::domain::identifier::{crc16_umts, credit_code_holds};
use crate::domain::money::to_capital;
use crate::domain::{DocumentKind, Fen};
use jiff::{ToSpan, civil::Date};

/// One row: what, how many of which unit, how much.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) quantity: i64,
    pub(super) unit: &'static str,
    pub(super) amount: Fen,
}

/// What only one of the two bills carries.
pub(super) enum Visit {
    Outpatient { number: String, date: Date },
    Inpatient(Stay),
}

/// The hospital stay: 预缴 + 补缴 − 退费 = 个人现金支付.
pub(super) struct Stay {
    pub(super) case_number: String,
    pub(super) admission_number: String,
    pub(super) department: &'static str,
    pub(super) admitted: Date,
    pub(super) discharged: Date,
    pub(super) deposit: Fen,
    pub(super) top_up: Fen,
    pub(super) refund: Fen,
}

/// A fiscal medical e-bill.
pub(super) struct Bill {
    pub(super) province: &'static str,
    pub(super) hospital: String,
    pub(super) code: String,
    pub(super) number: String,
    pub(super) check: String,
    pub(super) payer: String,
    pub(super) payer_id: String,
    pub(super) issued: Date,
    pub(super) rows: Vec<Row>,
    pub(super) total: Fen,
    pub(super) serial: String,
    pub(super) institution: &'static str,
    pub(super) insurance: &'static str,
    pub(super) insurance_number: String,
    pub(super) sex: &'static str,
    pub(super) fund: Fen,
    pub(super) other: Fen,
    pub(super) account: Fen,
    pub(super) cash: Fen,
    pub(super) self_paid: Fen,
    pub(super) self_funded: Fen,
    pub(super) reviewer: String,
    pub(super) cashier: String,
    pub(super) visit: Visit,
}

/// A till receipt: rows + tax + rounding = total, cash − total = change.
pub(super) struct Receipt {
    pub(super) shop: &'static str,
    pub(super) address: [&'static str; 3],
    pub(super) number: String,
    pub(super) date: Date,
    pub(super) time: String,
    pub(super) rows: Vec<Row>,
    pub(super) subtotal: Fen,
    pub(super) tax: Fen,
    pub(super) rounding: Fen,
    pub(super) total: Fen,
    pub(super) cash: Fen,
    pub(super) change: Fen,
}

/// GB/T 2260 code and name; the title, the bill code and the hospital's province must agree.
const PROVINCES: [(&str, &str); 8] = [
    ("13", "河北省"),
    ("32", "江苏省"),
    ("33", "浙江省"),
    ("37", "山东省"),
    ("41", "河南省"),
    ("42", "湖北省"),
    ("51", "四川省"),
    ("61", "陕西省"),
];
const TOWNS: [&str; 4] = ["示例市", "样例市", "虚构市", "范例县"];
const HOSPITALS: [(&str, &str); 5] = [
    ("第一人民医院", "综合医院"),
    ("第二人民医院", "综合医院"),
    ("中心医院", "综合医院"),
    ("中医医院", "中医医院"),
    ("妇幼保健院", "妇幼保健院"),
];
const SURNAMES: [&str; 8] = ["赵", "钱", "孙", "李", "周", "吴", "郑", "王"];
const GIVEN: [&str; 7] = ["样例", "示范", "某某", "小样", "试例", "例一", "范文"];
/// Name, unit, greatest amount in fen.
const OUTPATIENT: [(&str, &str, i64); 11] = [
    ("诊察费", "次", 5_000),
    ("检查费", "项", 38_000),
    ("化验费", "项", 38_000),
    ("治疗费", "次", 30_000),
    ("手术费", "次", 38_000),
    ("卫生材料费", "件", 20_000),
    ("西药费", "盒", 36_000),
    ("中药饮片", "付", 30_000),
    ("中成药费", "盒", 30_000),
    ("一般诊疗费", "次", 2_000),
    ("挂号费", "次", 2_000),
];
const INPATIENT: [(&str, &str, i64); 12] = [
    ("床位费", "日", 12_000),
    ("诊察费", "日", 4_000),
    ("检查费", "项", 300_000),
    ("化验费", "项", 300_000),
    ("治疗费", "次", 250_000),
    ("手术费", "次", 600_000),
    ("护理费", "日", 8_000),
    ("卫生材料费", "件", 400_000),
    ("西药费", "项", 500_000),
    ("中药饮片", "付", 150_000),
    ("中成药费", "盒", 200_000),
    ("其他住院收费", "项", 120_000),
];
const DEPARTMENTS: [&str; 6] = ["普通外科", "心血管内科", "呼吸内科", "骨科", "消化内科", "神经内科"];

/// A day between 2026-01-05 and 2026-10-20.
fn issue_day(dice: &mut Dice) -> Date {
    later(jiff::civil::date(2026, 1, 5), dice.between(0, 288))
}

/// `days` after `day`; negative for before.
pub(super) fn later(day: Date, days: i64) -> Date {
    day.saturating_add(days.days())
}

pub(super) fn person(dice: &mut Dice) -> String {
    format!("{}{}", dice.pick(&SURNAMES), dice.pick(&GIVEN))
}

/// The name of another hospital of the same province.
pub(super) fn another_hospital(name: &str, dice: &mut Dice) -> String {
    let province = PROVINCES.iter().map(|(_, p)| *p).find(|p| name.starts_with(p)).unwrap_or_default();
    loop {
        let other = format!("{province}{}{}", dice.pick(&TOWNS), dice.pick(&HOSPITALS).0);
        if other != name {
            return other;
        }
    }
}

fn share(total: Fen, of: f64) -> Fen {
    Fen((total.0 as f64 * of).round() as i64)
}

/// The content of a bill of this kind.
pub(super) fn bill(kind: DocumentKind, seed: u64) -> Bill {
    let mut dice = Dice::new(seed, kind.as_str());
    let inpatient = kind == DocumentKind::MedicalInpatientBill;
    let (region, province) = dice.pick(&PROVINCES);
    let (hospital, institution) = dice.pick(&HOSPITALS);
    let issued = issue_day(&mut dice);
    let days = dice.between(2, 14);
    let (n, categories): (i64, &[_]) =
        if inpatient { (dice.between(6, 11), &INPATIENT) } else { (dice.between(4, 8), &OUTPATIENT) };
    let rows: Vec<Row> = dice
        .choose(categories, n as usize)
        .into_iter()
        .map(|(name, unit, most)| {
            let quantity = match unit {
                "日" => days,
                "次" => 1,
                _ => dice.between(1, 6),
            };
            // Eight outpatient rows stay under 3,000 yuan; six inpatient rows have three that are not by the day,
            // each of 1,000 or more, and come to over 3,000.
            let amount = match (inpatient, unit) {
                (true, "日") => dice.between(most / 4, most) / 100 * 100 * days,
                (true, _) => dice.between(100_000, most),
                (false, _) => dice.between(most / 10, most),
            };
            Row { name: name.to_owned(), quantity, unit, amount: Fen(amount) }
        })
        .collect();
    let total = Fen(rows.iter().map(|r| r.amount.0).sum());

    let insurance =
        dice.pick(&["职工基本医疗保险", "职工基本医疗保险", "城乡居民基本医疗保险", "城乡居民基本医疗保险", "自费"]);
    let insured = insurance != "自费";
    let fund = if insured { share(total, dice.real(0.25, 0.7)) } else { Fen(0) };
    let other = if insured && dice.chance(0.3) { share(total, dice.real(0.02, 0.1)) } else { Fen(0) };
    let own = Fen(total.0 - fund.0 - other.0);
    let from_account = if !insured || inpatient { 0.0 } else { dice.pick(&[0.0, 0.4, 1.0]) };
    let account = share(own, from_account);
    let cash = Fen(own.0 - account.0);
    let self_funded = if insured { share(own, dice.real(0.0, 0.45)) } else { own };
    let self_paid = Fen(own.0 - self_funded.0);

    let visit = if inpatient {
        let discharged = later(issued, -dice.between(0, 1));
        let deposit = Fen(cash.0 * dice.between(70, 150) / 100 / 50_000 * 50_000);
        Visit::Inpatient(Stay {
            case_number: dice.digits(8),
            admission_number: format!("ZY{}", dice.digits(8)),
            department: dice.pick(&DEPARTMENTS),
            admitted: later(discharged, -days),
            discharged,
            deposit,
            top_up: Fen((cash.0 - deposit.0).max(0)),
            refund: Fen((deposit.0 - cash.0).max(0)),
        })
    } else {
        let date = later(issued, -dice.pick(&[0, 0, 1]));
        Visit::Outpatient { number: format!("MZ{}", dice.digits(8)), date }
    };
    // The 17th character of an identity number is odd for men.
    let man = dice.chance(0.5);
    Bill {
        province,
        hospital: format!("{}{hospital}", dice.pick(&TOWNS)),
        code: format!("{region}06{}{}", if inpatient { "02" } else { "01" }, dice.pick(&["25", "26"])),
        number: format!("00{}", dice.digits(8)),
        // Without l and o, which the free Song face prints as 1 and nearly as 0.
        check: (0..6).map(|_| dice.pick(b"0123456789abcdefghijkmnpqrstuvwxyz") as char).collect(),
        payer: person(&mut dice),
        payer_id: format!(
            "{region}0199********{}{}{}",
            dice.digits(2),
            2 * dice.between(0, 4) + i64::from(man),
            dice.digits(1)
        ),
        rows,
        total,
        serial: format!("{}{}", issued.strftime("%Y%m%d"), dice.digits(8)),
        issued,
        institution,
        insurance,
        insurance_number: if insured && dice.chance(0.6) { dice.digits(10) } else { String::new() },
        sex: if man { "男" } else { "女" },
        fund,
        other,
        account,
        cash,
        self_paid,
        self_funded,
        reviewer: if dice.chance(0.5) { person(&mut dice) } else { dice.digits(4) },
        cashier: if dice.chance(0.5) { person(&mut dice) } else { dice.digits(4) },
        visit,
    }
}

impl Bill {
    /// The total in capital characters.
    pub(super) fn words(&self) -> String {
        to_capital(self.total)
    }

    /// The payload of the bill's QR code, after the text family of published samples.
    pub(super) fn qr(&self) -> String {
        let region = &self.code[..2];
        let day = self.issued.strftime("%Y%m%d");
        format!("CZ-EI-{region},1.1.0,{},{},{},{day},{}", self.code, self.number, self.check, self.total)
    }
}

/// A line of a VAT invoice: price × quantity = net, tax = net × rate to the nearest fen.
pub(super) struct Goods {
    pub(super) name: String,
    pub(super) model: &'static str,
    pub(super) unit: &'static str,
    pub(super) quantity: i64,
    pub(super) price: Fen,
    pub(super) net: Fen,
    pub(super) tax: Fen,
}

/// A VAT invoice: Σ net + Σ tax = total.
pub(super) struct Invoice {
    pub(super) province: &'static str,
    /// Code and check code of the older invoices; 数电票 have neither.
    pub(super) codes: Option<[String; 2]>,
    pub(super) number: String,
    pub(super) issued: Date,
    pub(super) buyer: String,
    pub(super) buyer_tax_id: Option<String>,
    pub(super) seller: String,
    pub(super) seller_tax_id: String,
    pub(super) goods: Vec<Goods>,
    /// Percent, the same for all lines.
    pub(super) rate: i64,
    pub(super) net: Fen,
    pub(super) tax: Fen,
    pub(super) total: Fen,
    pub(super) issuer: String,
    pub(super) reviewer: String,
    pub(super) cashier: String,
}

/// Category and name, model, unit, price in fen.
const MEDICINES: [(&str, &str, &str, i64); 10] = [
    ("*化学药品制剂*示例西林胶囊", "0.25g*24粒", "盒", 1_850),
    ("*化学药品制剂*样例洛芬缓释片", "0.3g*20片", "盒", 2_460),
    ("*化学药品制剂*范例沙坦片", "80mg*7片", "盒", 3_275),
    ("*中成药*虚构感冒颗粒", "10g*9袋", "盒", 1_980),
    ("*中成药*示范清热口服液", "10ml*10支", "盒", 2_890),
    ("*中成药*样品止咳糖浆", "120ml", "瓶", 1_540),
    ("*医疗仪器器械*电子体温计", "MT-01", "支", 3_900),
    ("*医疗仪器器械*上臂式血压计", "BP-10", "台", 19_800),
    ("*卫生材料*医用纱布块", "8cm*8cm", "包", 650),
    ("*卫生材料*医用外科口罩", "10只/袋", "袋", 980),
];
const SELLERS: [&str; 4] =
    ["示例大药房有限公司", "样例医药连锁有限公司", "虚构健康药店有限公司", "范例医疗器械有限公司"];
const BUYERS: [&str; 2] = ["样例科技有限公司", "示范贸易有限公司"];

/// A made-up credit code of a company in a county that does not exist, with both its check characters right.
fn credit_code(region: &str, dice: &mut Dice) -> String {
    const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let stem = format!("91{region}0199MA{}", dice.digits(6));
    let ends = ALPHABET.chars().flat_map(|a| ALPHABET.chars().map(move |b| [a, b]));
    ends.map(|[a, b]| format!("{stem}{a}{b}")).find(|code| credit_code_holds(code)).unwrap_or(stem)
}

/// The content of a VAT invoice: an older one, with code and check code, or a 数电票.
pub(super) fn invoice(seed: u64, older: bool) -> Invoice {
    let mut dice = Dice::new(seed, "invoice");
    let (region, province) = dice.pick(&PROVINCES);
    let issued = issue_day(&mut dice);
    let rate = dice.pick(&[13, 13, 3, 1]);
    let n = dice.between(2, 5) as usize;
    let goods: Vec<Goods> = dice
        .choose(&MEDICINES, n)
        .into_iter()
        .map(|(name, model, unit, price)| {
            let quantity = dice.pick(&[1, 1, 2, 3, 4]);
            let price = Fen(price + dice.between(-9, 9) * 10);
            let net = Fen(price.0 * quantity);
            Goods { name: name.to_owned(), model, unit, quantity, price, net, tax: Fen((net.0 * rate + 50) / 100) }
        })
        .collect();
    let net = Fen(goods.iter().map(|g| g.net.0).sum());
    let tax = Fen(goods.iter().map(|g| g.tax.0).sum());
    let company = dice.chance(0.3);
    let year = issued.strftime("%y");
    let [serial, batch, check] = [10, 8, 20].map(|n| dice.digits(n));
    Invoice {
        province,
        // 0, region, year, batch, 11 for the electronic plain invoice.
        codes: older.then(|| [format!("0{region}00{year}001{}", "11"), check]),
        number: if older { batch } else { format!("{year}{region}299999{serial}") },
        issued,
        buyer: if company { dice.pick(&BUYERS).to_owned() } else { person(&mut dice) },
        buyer_tax_id: company.then(|| credit_code(region, &mut dice)),
        seller: format!("{}{}", dice.pick(&TOWNS), dice.pick(&SELLERS)),
        seller_tax_id: credit_code(region, &mut dice),
        goods,
        rate,
        net,
        tax,
        total: Fen(net.0 + tax.0),
        issuer: person(&mut dice),
        reviewer: person(&mut dice),
        cashier: person(&mut dice),
    }
}

impl Invoice {
    /// The total in capital characters, with the 圆 that invoices have.
    pub(super) fn words(&self) -> String {
        to_capital(self.total).replace('元', "圆")
    }

    /// The payload of the invoice's QR code, after published samples.
    pub(super) fn qr(&self) -> String {
        let [code, check] = self.codes.as_ref().map_or(["", ""], |codes| codes.each_ref().map(String::as_str));
        let kind = if self.codes.is_some() { "10" } else { "32" };
        let day = self.issued.strftime("%Y%m%d");
        recoded(&format!("01,{kind},{code},{},,{day},{check},", self.number), self.net, self.total)
    }
}

/// A payload with another amount: the net one for the older kinds, the total for 数电票, and its checksum anew.
pub(super) fn recoded(payload: &str, net: Fen, total: Fen) -> String {
    let mut parts: Vec<String> = payload.split(',').map(str::to_owned).collect();
    let amount = if parts.get(1).is_some_and(|kind| kind == "32") { total } else { net };
    if let Some(part) = parts.get_mut(4) {
        *part = amount.to_string();
    }
    parts.truncate(7);
    let mut text = parts.join(",");
    // With an empty check code the comma before the checksum is part of what is summed.
    let empty = text.ends_with(',');
    if empty {
        text.push(',');
    }
    let sum = crc16_umts(text.as_bytes());
    if !empty {
        text.push(',');
    }
    format!("{text}{sum:04X}")
}

/// The payload of another paper of this kind and layout, if it carries a code.
pub(super) fn payload(kind: DocumentKind, layout: u8, seed: u64) -> Option<String> {
    match kind {
        DocumentKind::MedicalOutpatientBill | DocumentKind::MedicalInpatientBill => Some(bill(kind, seed).qr()),
        DocumentKind::VatInvoice => Some(invoice(seed, layout > 0).qr()),
        _ => None,
    }
}

/// A line of a list of expenses: price × quantity = amount.
pub(super) struct Expense {
    pub(super) name: &'static str,
    pub(super) model: &'static str,
    pub(super) unit: &'static str,
    pub(super) quantity: i64,
    pub(super) price: Fen,
    pub(super) amount: Fen,
}

/// A hospital's list of what a stay cost.
pub(super) struct List {
    pub(super) hospital: String,
    pub(super) patient: String,
    pub(super) sex: &'static str,
    pub(super) age: i64,
    pub(super) admission_number: String,
    pub(super) department: &'static str,
    pub(super) admitted: Date,
    pub(super) discharged: Date,
    pub(super) printed: Date,
    pub(super) lines: Vec<Expense>,
    pub(super) total: Fen,
}

/// Name, model, unit, price in fen.
const EXPENSES: [(&str, &str, &str, i64); 22] = [
    ("普通床位费", "三人间", "日", 4_000),
    ("住院诊查费", "", "日", 1_500),
    ("二级护理", "", "日", 1_800),
    ("静脉输液", "", "组", 1_200),
    ("静脉采血", "", "次", 450),
    ("血常规检验", "五分类", "次", 2_000),
    ("肝功能检验", "", "项", 6_800),
    ("肾功能检验", "", "项", 4_200),
    ("尿液分析", "", "次", 1_500),
    ("十二导联心电图", "", "次", 2_600),
    ("胸部正侧位摄片", "", "次", 7_800),
    ("腹部彩色超声", "", "次", 12_000),
    ("头颅平扫", "", "次", 18_600),
    ("示例西林注射剂", "1.0g", "支", 1_165),
    ("样例唑钠注射剂", "40mg", "支", 2_340),
    ("范例洛尔片", "25mg*20片", "盒", 1_990),
    ("虚构他汀片", "20mg*7片", "盒", 3_160),
    ("氯化钠注射液", "250ml", "袋", 380),
    ("葡萄糖注射液", "500ml", "袋", 420),
    ("一次性注射器", "20ml", "支", 120),
    ("一次性输液器", "带针", "套", 360),
    ("医用敷料", "10cm*10cm", "片", 1_250),
];

/// The content of a list of expenses.
pub(super) fn list(seed: u64) -> List {
    let mut dice = Dice::new(seed, "list");
    let (_, province) = dice.pick(&PROVINCES);
    let (hospital, _) = dice.pick(&HOSPITALS);
    let printed = issue_day(&mut dice);
    let discharged = later(printed, -dice.between(0, 2));
    let days = dice.between(2, 9);
    let n = dice.between(10, 18) as usize;
    let lines: Vec<Expense> = dice
        .choose(&EXPENSES, n)
        .into_iter()
        .map(|(name, model, unit, price)| {
            let quantity = if unit == "日" { days } else { dice.between(1, 6) };
            let price = Fen(price + dice.between(0, 9) * 10);
            Expense { name, model, unit, quantity, price, amount: Fen(price.0 * quantity) }
        })
        .collect();
    List {
        hospital: format!("{province}{}{hospital}", dice.pick(&TOWNS)),
        patient: person(&mut dice),
        sex: dice.pick(&["男", "女"]),
        age: dice.between(18, 84),
        admission_number: format!("ZY{}", dice.digits(8)),
        department: dice.pick(&DEPARTMENTS),
        admitted: later(discharged, -days),
        discharged,
        printed,
        total: Fen(lines.iter().map(|l| l.amount.0).sum()),
        lines,
    }
}

/// What a hospital writes of a stay when it ends.
pub(super) struct Discharge {
    pub(super) hospital: String,
    pub(super) patient: String,
    pub(super) sex: &'static str,
    pub(super) age: i64,
    pub(super) department: &'static str,
    pub(super) bed: i64,
    pub(super) case_number: String,
    pub(super) admitted: Date,
    pub(super) discharged: Date,
    pub(super) written: Date,
    pub(super) case: &'static Case,
    pub(super) doctor: String,
}

/// One illness and what was done about it, in words that fit together.
pub(super) struct Case {
    pub(super) diagnosis: &'static str,
    pub(super) complaint: &'static str,
    pub(super) course: &'static str,
    pub(super) advice: &'static str,
}

const CASES: [Case; 5] = [
    Case {
        diagnosis: "急性阑尾炎",
        complaint: "转移性右下腹痛一天，伴恶心，无发热。右下腹压痛，反跳痛阳性。",
        course: "入院后完善各项检查，在麻醉下行腹腔镜手术，术程顺利。术后抗感染、补液治疗，切口愈合良好。",
        advice: "清淡饮食，避免重体力劳动一月，一周后门诊复查。",
    },
    Case {
        diagnosis: "社区获得性肺炎",
        complaint: "咳嗽、咳痰五天，发热两天。右下肺可闻及湿性罗音，胸片示右下肺斑片影。",
        course: "入院后予抗感染、化痰、补液等治疗，体温渐降至正常，复查胸片示炎症吸收。",
        advice: "按时服药，注意休息，两周后复查胸片，不适随诊。",
    },
    Case {
        diagnosis: "高血压病2级",
        complaint: "反复头晕一年，加重三天。入院时血压偏高，心肺腹未见明显异常。",
        course: "入院后监测血压，调整降压药物，辅以健康教育，血压平稳，头晕缓解。",
        advice: "低盐饮食，规律服药，自测血压并记录，一月后心内科门诊复查。",
    },
    Case {
        diagnosis: "腰椎间盘突出症",
        complaint: "腰痛伴左下肢麻木两月。腰椎活动受限，直腿抬高试验左侧阳性。",
        course: "入院后卧床休息，予牵引、理疗、营养神经等治疗，疼痛及麻木明显减轻。",
        advice: "避免弯腰负重，佩戴腰围四周，加强腰背肌锻炼，定期复查。",
    },
    Case {
        diagnosis: "慢性胃炎急性发作",
        complaint: "上腹隐痛半年，加重一周，伴反酸、嗳气。上腹轻压痛，无反跳痛。",
        course: "入院后行胃镜检查，予抑酸、护胃等治疗，症状缓解，饮食恢复正常。",
        advice: "规律饮食，忌辛辣，继续口服药物两周，消化内科门诊随诊。",
    },
];

/// The content of a discharge record.
pub(super) fn discharge(seed: u64) -> Discharge {
    let mut dice = Dice::new(seed, "discharge");
    let (_, province) = dice.pick(&PROVINCES);
    let (hospital, _) = dice.pick(&HOSPITALS);
    let discharged = issue_day(&mut dice);
    let days = dice.between(3, 16);
    Discharge {
        hospital: format!("{province}{}{hospital}", dice.pick(&TOWNS)),
        patient: person(&mut dice),
        sex: dice.pick(&["男", "女"]),
        age: dice.between(18, 84),
        department: dice.pick(&DEPARTMENTS),
        bed: dice.between(1, 48),
        case_number: dice.digits(8),
        admitted: later(discharged, -days),
        discharged,
        written: later(discharged, dice.between(0, 1)),
        case: &CASES[dice.between(0, CASES.len() as i64 - 1) as usize],
        doctor: person(&mut dice),
    }
}

impl Discharge {
    /// Nights in hospital, as hospitals count a stay.
    pub(super) fn days(&self) -> i32 {
        (self.discharged - self.admitted).get_days()
    }
}

const SHOPS: [(&str, [&str; 3]); 4] = [
    ("EXAMPLE CORNER MART", ["12 SAMPLE STREET,", "TAMAN CONTOH,", "99000 EXAMPLETON"]),
    ("SPECIMEN PHARMACY", ["LOT 7, JALAN CONTOH 3,", "PLACEHOLDER PARK,", "99010 SAMPLE TOWN"]),
    ("SAMPLE HEALTH & CARE", ["NO. 28, DUMMY ROAD,", "FICTION GARDENS,", "99020 NOWHERE CITY"]),
    ("PLACEHOLDER TRADING", ["3A-1, MODEL LANE,", "TEST SQUARE,", "99030 EXAMPLETON"]),
];
const GOODS: [(&str, i64); 14] = [
    ("ADHESIVE PLASTER 20S", 450),
    ("COTTON WOOL 100G", 380),
    ("VITAMIN C 500MG 30S", 1890),
    ("DIGITAL THERMOMETER", 2490),
    ("HAND SANITIZER 250ML", 790),
    ("FACE MASK 3PLY 50S", 1290),
    ("SALINE SOLUTION 500ML", 650),
    ("GAUZE BANDAGE 5CM", 320),
    ("COUGH SYRUP 120ML", 1150),
    ("MINERAL WATER 1.5L", 240),
    ("THROAT LOZENGES 12S", 720),
    ("MUSCLE RUB 50G", 980),
    ("ELASTIC KNEE SUPPORT", 3690),
    ("ANTISEPTIC CREAM 30G", 1075),
];

/// The content of a till receipt.
pub(super) fn receipt(seed: u64) -> Receipt {
    let mut dice = Dice::new(seed, "receipt");
    let (shop, address) = dice.pick(&SHOPS);
    let n = dice.between(3, 8) as usize;
    let rows: Vec<Row> = dice
        .choose(&GOODS, n)
        .into_iter()
        .map(|(name, price)| {
            let quantity = dice.pick(&[1, 1, 1, 2, 3]);
            Row { name: name.to_owned(), quantity, unit: "", amount: Fen(price * quantity) }
        })
        .collect();
    let subtotal = Fen(rows.iter().map(|r| r.amount.0).sum());
    // 6 % sales tax, then to the nearest 5 cents, as in the receipts this kind is modelled on.
    let tax = Fen((subtotal.0 * 6 + 50) / 100);
    let exact = subtotal.0 + tax.0;
    let total = Fen((exact + 2) / 5 * 5);
    let note = dice.pick(&[1_000, 5_000, 10_000]);
    let cash = Fen((total.0 + note - 1) / note * note);
    Receipt {
        shop,
        address,
        number: format!("{:06}", dice.between(1_000, 999_999)),
        date: issue_day(&mut dice),
        time: format!("{:02}:{:02}", dice.between(9, 21), dice.between(0, 59)),
        rows,
        subtotal,
        tax,
        rounding: Fen(total.0 - exact),
        total,
        cash,
        change: Fen(cash.0 - total.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Fen;

    #[test]
    fn bills_add_up() {
        for seed in 0..200 {
            for kind in [DocumentKind::MedicalOutpatientBill, DocumentKind::MedicalInpatientBill] {
                let b = bill(kind, seed);
                assert_eq!(b.rows.iter().map(|r| r.amount.0).sum::<i64>(), b.total.0, "seed {seed}");
                assert_eq!(b.fund.0 + b.other.0 + b.account.0 + b.cash.0, b.total.0, "seed {seed}");
                assert_eq!(b.self_paid.0 + b.self_funded.0, b.account.0 + b.cash.0, "seed {seed}");
                for part in [b.fund, b.other, b.account, b.cash, b.self_paid, b.self_funded] {
                    assert!(part.0 >= 0, "seed {seed}");
                }
                assert!(b.issued >= jiff::civil::date(2026, 1, 1) && b.issued < jiff::civil::date(2026, 11, 1));
                assert!(b.code.len() == 8 && b.code.bytes().all(|c| c.is_ascii_digit()));
                assert_eq!(&b.code[2..4], "06");
                assert!([0, 1].contains(&(26 - b.code[6..].parse::<i32>().unwrap())));
                assert!(b.number.len() == 10 && b.number.bytes().all(|c| c.is_ascii_digit()));
                assert!(b.check.len() == 6 && b.check.bytes().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase()));
                assert!(b.payer_id.len() == 18 && &b.payer_id[6..14] == "********");
                let odd = b.payer_id.as_bytes()[16] % 2 == 1;
                assert_eq!(b.sex, if odd { "男" } else { "女" }, "seed {seed}");
                let qr: Vec<String> = b.qr().split(',').map(str::to_owned).collect();
                assert_eq!(qr[2..5], [b.code.clone(), b.number.clone(), b.check.clone()]);
                assert_eq!(Fen::parse(&qr[6]), Some(b.total));
                match &b.visit {
                    Visit::Outpatient { date, .. } => {
                        assert!(*date <= b.issued && b.total.0 < 300_000, "seed {seed}");
                    }
                    Visit::Inpatient(s) => {
                        assert!(s.admitted <= s.discharged && s.discharged <= b.issued, "seed {seed}");
                        assert_eq!(s.deposit.0 + s.top_up.0 - s.refund.0, b.cash.0, "seed {seed}");
                        assert!(b.total.0 > 300_000, "seed {seed}");
                    }
                }
            }
        }
    }

    #[test]
    fn receipts_add_up() {
        for seed in 0..200 {
            let r = receipt(seed);
            assert_eq!(r.rows.iter().map(|row| row.amount.0).sum::<i64>(), r.subtotal.0, "seed {seed}");
            assert_eq!(r.subtotal.0 + r.tax.0 + r.rounding.0, r.total.0, "seed {seed}");
            assert_eq!(r.cash.0 - r.change.0, r.total.0, "seed {seed}");
            assert!(r.rounding.0.abs() <= 2 && r.total.0 % 5 == 0 && r.change.0 >= 0 && r.total.0 < 300_000);
        }
    }

    #[test]
    fn invoices_and_lists_add_up() {
        for seed in 0..200 {
            for older in [false, true] {
                let i = invoice(seed, older);
                assert_eq!(i.net.0 + i.tax.0, i.total.0, "seed {seed}");
                assert!(i.goods.iter().all(|g| g.net.0 == g.price.0 * g.quantity), "seed {seed}");
                assert_eq!(i.goods.iter().map(|g| g.tax.0).sum::<i64>(), i.tax.0, "seed {seed}");
                assert!(i.total.0 < 300_000 && i.number.len() == if older { 8 } else { 20 }, "seed {seed}");
                assert!(i.codes.iter().all(|[code, check]| code.len() == 12 && check.len() == 20));
                assert!(credit_code_holds(&i.seller_tax_id) && i.buyer_tax_id.iter().all(|c| credit_code_holds(c)));
                assert_eq!(recoded(&i.qr(), i.net, i.total), i.qr(), "a payload coded anew is the same");
            }
            let l = list(seed);
            assert_eq!(l.lines.iter().map(|e| e.price.0 * e.quantity).sum::<i64>(), l.total.0, "seed {seed}");
            assert!(l.admitted < l.discharged && l.discharged <= l.printed, "seed {seed}");
        }
        // Published payloads, for the checksum's two forms.
        let whole = |net, total, text: &str| recoded(text, Fen(net), Fen(total));
        let old = "01,10,044001500111,81966722,173.79,20170524,17884534745749991611";
        assert_eq!(whole(17_379, 0, old), format!("{old},BE2D"));
        let new = "01,32,,24312000000136634917,0.01,20240514,";
        assert_eq!(whole(0, 1, new), format!("{new},1DD6"));
    }

    #[test]
    fn words_are_spelt() {
        for (fen, words) in [
            (99_354, "玖佰玖拾叁元伍角肆分"),
            (1_600_100, "壹万陆仟零壹元整"),
            (30_005, "叁佰元零伍分"),
            (10_050_010, "壹拾万零伍佰元壹角整"),
            (748_410, "柒仟肆佰捌拾肆元壹角整"),
        ] {
            assert_eq!(to_capital(Fen(fen)).replace('零', ""), words.replace('零', ""));
        }
    }

    #[test]
    fn the_same_seed_says_the_same() {
        let (a, b) = (bill(DocumentKind::MedicalOutpatientBill, 7), bill(DocumentKind::MedicalOutpatientBill, 7));
        assert_eq!((a.qr(), a.payer, a.hospital), (b.qr(), b.payer, b.hospital));
        assert_ne!(bill(DocumentKind::MedicalOutpatientBill, 8).qr(), a_qr(7));
        fn a_qr(seed: u64) -> String {
            bill(DocumentKind::MedicalOutpatientBill, seed).qr()
        }
    }
}
