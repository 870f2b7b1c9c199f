//! When a server wants to be asked again.

use std::time::{Duration, SystemTime};

use hyper::header::{HeaderMap, RETRY_AFTER};
use time::{Date, Month, OffsetDateTime, Time};

/// Reads a `Retry-After` header (RFC 9110, section 10.2.3): a number of seconds, or a date. Nothing if there is none, or
/// none that can be read.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    read(headers.get(RETRY_AFTER)?.to_str().ok()?.trim(), now)
}

fn read(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    Some(http_date(value)?.duration_since(now).unwrap_or_default())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7, the one form that may still be sent).
fn http_date(value: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = value.split_once(", ")?.1.split(' ');
    let day: u8 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = (1_u8..).zip(MONTHS).find(|(_, month)| *month == name)?.0;
    let year: u16 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u8>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if words.next() != Some("GMT") || words.next().is_some() || clock.next().is_some() {
        return None;
    }
    let date = Date::from_calendar_date(year.into(), Month::try_from(month).ok()?, day).ok()?;
    Some(OffsetDateTime::new_utc(date, Time::from_hms(hour, minute, second.min(59)).ok()?).into())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn it_is_a_number_of_seconds_or_a_date() {
        let seconds = Duration::from_secs;
        let now = UNIX_EPOCH + seconds(784_111_777);
        assert_eq!(read("120", now), Some(seconds(120)));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:07 GMT", now), Some(seconds(30)));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        for nonsense in
            ["", "soon", "-1", "Sun, 31 Feb 1994 08:00:00 GMT", "Sun, 06 Nov 1994 08:00 GMT", "1e9"]
        {
            assert_eq!(read(nonsense, now), None, "{nonsense}");
        }
    }
}
