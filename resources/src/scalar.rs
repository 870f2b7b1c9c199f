//! What a scalar means: YAML 1.1 as Kubernetes' own reader has it (`sigs.k8s.io/yaml` over `go.yaml.in/yaml/v2`).
//!
//! That reader differs from YAML 1.2: `no`, `y` and `off` are booleans, `012` is ten, `0b11` three, `1_000` a thousand,
//! `08` and `1e3` are floating-point numbers, `1:30` and dates are text.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Number, Value};

use crate::{error::ValueFault, tree::Tag};

/// The value of a scalar with this text. `plain`: written without quotation marks.
pub(crate) fn resolve(text: &str, plain: bool, tag: Option<&Tag>) -> Result<Value, ValueFault> {
    let guessed = || guess(text);
    match tag {
        None if plain => guessed(),
        None | Some(Tag::Str | Tag::Other) => Ok(text.into()),
        Some(Tag::Binary) => binary(text),
        Some(Tag::Bool) => guessed().and_then(|value| fitting(value, Value::is_boolean)),
        Some(Tag::Int) => {
            guessed().and_then(|value| fitting(value, |value| value.is_i64() || value.is_u64()))
        }
        Some(Tag::Float) => guessed().and_then(|value| fitting(value, Value::is_number)),
        Some(Tag::Null) => guessed().and_then(|value| fitting(value, Value::is_null)),
    }
}

/// Whether a scalar with this text is read as that text, when written plain.
pub(crate) fn is_text(text: &str) -> bool {
    matches!(guess(text), Ok(Value::String(_)))
}

fn fitting(value: Value, fits: impl Fn(&Value) -> bool) -> Result<Value, ValueFault> {
    if fits(&value) { Ok(value) } else { Err(ValueFault::TagMismatch) }
}

fn binary(text: &str) -> Result<Value, ValueFault> {
    let packed: String = text.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(packed).map_err(|_| ValueFault::NotBinary)?;
    String::from_utf8(bytes).map(Value::String).map_err(|_| ValueFault::NotBinary)
}

fn guess(text: &str) -> Result<Value, ValueFault> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => true.into(),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => false.into(),
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf"
        | "-.Inf" | "-.INF" => return Err(ValueFault::NotANumber),
        _ => match text.bytes().next() {
            Some(b'0'..=b'9' | b'+' | b'-') => number(&text.replace('_', ""))?.unwrap_or_else(|| text.into()),
            Some(b'.') => float(text)?.unwrap_or_else(|| text.into()),
            _ => text.into(),
        },
    })
}

fn number(text: &str) -> Result<Option<Value>, ValueFault> {
    match integer(text) {
        Some(integer) => Ok(Some(integer)),
        None => float(text),
    }
}

/// An integer as Go's `strconv.ParseInt` reads it with base 0.
fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.split_at_checked(1)? {
        ("-", rest) => (true, rest),
        ("+", rest) => (false, rest),
        _ => (false, text),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, digits.get(2..)?),
        Some("0b" | "0B") => (2, digits.get(2..)?),
        Some("0o" | "0O") => (8, digits.get(2..)?),
        Some(_) if digits.starts_with('0') => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    // `from_str_radix` would take a second sign.
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative { 0_i64.checked_sub_unsigned(magnitude).map(Value::from) } else { Some(magnitude.into()) }
}

/// A decimal fraction; a whole one is written as an integer in JSON.
fn float(text: &str) -> Result<Option<Value>, ValueFault> {
    /// Whole numbers below are written without an exponent by Go, and are exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !is_decimal(text) {
        return Ok(None);
    }
    let Ok(number) = text.parse::<f64>() else { return Ok(None) };
    #[expect(clippy::cast_possible_truncation, reason = "it is a whole number below 2^53")]
    let number = if number.fract() == 0.0 && number.abs() < EXACT {
        Number::from(number as i64)
    } else {
        Number::from_f64(number).ok_or(ValueFault::NotANumber)?
    };
    Ok(Some(Value::Number(number)))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        None => !mantissa.is_empty() && digits(mantissa),
        Some((whole, fraction)) => {
            (!whole.is_empty() || !fraction.is_empty()) && digits(whole) && digits(fraction)
        }
    };
    mantissa_fits && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each as `kubectl` 1.37 reads it: `kubectl create --dry-run=client -o json` of an annotation-like field.
    #[test]
    fn plain_scalars_mean_what_they_mean_to_kubectl() {
        for (text, value) in [
            ("012", json!(10)),
            ("08", json!(8)),
            ("0o17", json!(15)),
            ("0x1F", json!(31)),
            ("0b11", json!(3)),
            ("-0b11", json!(-3)),
            ("1_000", json!(1000)),
            ("+1", json!(1)),
            ("1e3", json!(1000)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1.", json!(1)),
            ("18446744073709551615", json!(u64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("no", json!(false)),
            ("y", json!(true)),
            ("Off", json!(false)),
            ("~", json!(null)),
            ("", json!(null)),
            ("1:30", json!("1:30")),
            ("2001-12-14", json!("2001-12-14")),
            ("0x", json!("0x")),
            ("-", json!("-")),
            ("--1", json!("--1")),
            ("1.2.3", json!("1.2.3")),
            ("1e", json!("1e")),
            ("_1", json!("_1")),
            ("nO", json!("nO")),
            ("infinity", json!("infinity")),
            (".", json!(".")),
        ] {
            assert_eq!(resolve(text, true, None), Ok(value), "{text}");
        }
        assert_eq!(resolve(".inf", true, None), Err(ValueFault::NotANumber));
        assert_eq!(resolve("no", false, None), Ok(json!("no")));
    }

    #[test]
    fn a_tag_decides_and_must_fit() {
        assert_eq!(resolve("12", true, Some(&Tag::Str)), Ok(json!("12")));
        assert_eq!(resolve("12", false, Some(&Tag::Int)), Ok(json!(12)));
        assert_eq!(resolve("x", true, Some(&Tag::Int)), Err(ValueFault::TagMismatch));
        assert_eq!(resolve("aGVs\nbG8=", true, Some(&Tag::Binary)), Ok(json!("hello")));
        assert_eq!(resolve("%%", true, Some(&Tag::Binary)), Err(ValueFault::NotBinary));
    }
}
