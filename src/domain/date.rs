//! Calendar days, without a clock or a time zone.

use std::fmt;

/// A day of the Gregorian calendar that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    /// The day, if there is one of that number. Years 1 to 9999.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        ((1..=9999).contains(&year) && (1..=days).contains(&day)).then_some(Self { year, month, day })
    }

    /// Parses `YYYY-MM-DD`. Nothing else.
    pub fn parse(s: &str) -> Option<Self> {
        let b = s.as_bytes();
        (b.len() == 10 && b[4] == b'-' && b[7] == b'-').then_some(())?;
        Self::parse_compact(&[&b[..4], &b[5..7], &b[8..]].concat())
    }

    /// Parses eight ASCII digits, `YYYYMMDD`.
    pub fn parse_compact(digits: &[u8]) -> Option<Self> {
        if digits.len() != 8 || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = |range: &[u8]| range.iter().fold(0_u16, |n, d| n * 10 + u16::from(d - b'0'));
        Self::new(number(&digits[..4]), number(&digits[4..6]) as u8, number(&digits[6..]) as u8)
    }

    /// The year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// How many days later `other` is; negative if it is earlier.
    pub fn days_until(self, other: Self) -> i64 {
        other.number() - self.number()
    }

    /// Days since the first of March of year 0, with which leap days come last in their year.
    fn number(self) -> i64 {
        let (year, month) = (i64::from(self.year), i64::from(self.month));
        let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + i64::from(self.day) - 1
    }

    /// The same day `years` later; 29 February becomes 1 March in a common year.
    pub fn years_later(self, years: u16) -> Self {
        let year = self.year.saturating_add(years).min(9999);
        Self::new(year, self.month, self.day).unwrap_or(Self { year, month: 3, day: 1 })
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_that_exist() {
        for good in ["2024-02-29", "2000-02-29", "1999-12-31", "0001-01-01"] {
            assert_eq!(Day::parse(good).unwrap().to_string(), good);
        }
        for bad in ["2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10", "2024-04-31", "0000-01-01", "2024-1-01"] {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
        for bad in ["", "2024/01/01", "2024-01-0１", "2024-01-01 ", "20240101"] {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_compare_and_move_by_years() {
        let leap = Day::parse("2024-02-29").unwrap();
        assert_eq!(leap.years_later(2).to_string(), "2026-03-01");
        assert_eq!(leap.years_later(4).to_string(), "2028-02-29");
        assert!(leap < Day::parse("2024-03-01").unwrap());
        assert_eq!(Day::parse_compact(b"20240229"), Some(leap));
    }
}
