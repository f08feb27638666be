//! The card as people get it: a QR code and the same text to be typed.

use super::error::OfficeError;
use cssr_proto::Card;
use qrcode::render::{svg, unicode::Dense1x2};
use qrcode::{EcLevel, QrCode};
use std::fmt::Write as _;

/// Width of a QR module in the picture's units.
const MODULE: u32 = 8;
/// Height of a line of text, and the size of its letters.
const LINE: usize = 26;
const LETTERS: usize = 16;
/// Room for 25 fixed-width letters and a margin at least.
const WIDTH_MIN: usize = 420;

/// The card as a picture: its QR code, the office's name, and the text beneath.
///
/// # Errors
/// [`OfficeError::CardTooLong`].
pub fn card_svg(card: &Card, name: &str) -> Result<String, OfficeError> {
    let code = code(card)?;
    let picture = code.render::<svg::Color<'_>>().module_dimensions(MODULE, MODULE).build();
    // The renderer writes a document of its own; inside another one its first line has no place.
    let picture = picture.find("<svg").and_then(|at| picture.get(at..)).unwrap_or_default();
    // Four modules of quiet zone on each side.
    let side = (code.width() + 8) * MODULE as usize;
    let lines = lines(card);
    let longest = lines.iter().map(String::len).max().unwrap_or(0);
    let width = side.max(WIDTH_MIN).max((longest + 2) * LETTERS * 5 / 8);
    let height = side + (lines.len() + 2) * LINE;
    let (middle, left) = (width / 2, (width - side) / 2);

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <g transform=\"translate({left} 0)\">{picture}</g>\n\
         <g font-size=\"{LETTERS}\" text-anchor=\"middle\" fill=\"#000\">\n"
    );
    let texts = std::iter::once(("sans-serif", escape(name))).chain(lines.into_iter().map(|line| ("monospace", line)));
    for (n, (font, line)) in texts.enumerate() {
        let y = side + (n + 1) * LINE;
        // Writing into a String cannot fail.
        let _ = writeln!(out, "<text x=\"{middle}\" y=\"{y}\" font-family=\"{font}\">{line}</text>");
    }
    out.push_str("</g>\n</svg>\n");
    Ok(out)
}

/// The card's QR code for a terminal with light letters on a dark ground.
///
/// # Errors
/// [`OfficeError::CardTooLong`].
pub fn card_for_terminal(card: &Card) -> Result<String, OfficeError> {
    // Exchanged, so that the paper is light and the modules are dark.
    Ok(code(card)?.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

/// A quarter of it may be damaged: cards are folded and copied.
fn code(card: &Card) -> Result<QrCode, OfficeError> {
    QrCode::with_error_correction_level(card.to_string(), EcLevel::Q).map_err(|_| OfficeError::CardTooLong)
}

/// The card's text in lines that can be typed one after the other; readers ignore the breaks.
fn lines(card: &Card) -> Vec<String> {
    let text = card.to_string();
    let (front, _) = text.split_once('@').unwrap_or((&text, ""));
    let half = front.match_indices('-').nth(3).map_or(front.len(), |(at, _)| at + 1);
    let (first, second) = front.split_at_checked(half).unwrap_or((front, ""));
    let mut lines = vec![first.to_owned(), second.to_owned()];
    let last = card.addresses().len();
    for (n, address) in card.addresses().iter().enumerate() {
        lines.push(format!("{}{address}{}", if n == 0 { "@" } else { "" }, if n + 1 == last { "" } else { "," }));
    }
    lines
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cssr_proto::{Addresses, Fingerprint};

    fn card(addresses: &[&str]) -> Card {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Card::new(Fingerprint::from_bytes([0x5a; 16]), Addresses::new(addresses).unwrap())
    }

    #[test]
    fn the_text_beneath_the_code_is_the_whole_card() {
        let card = card(&["relay.example.org", "abc.onion"]);
        let svg = card_svg(&card, "A & <B>").unwrap();
        let text: String = svg
            .lines()
            .filter(|line| line.contains("monospace"))
            .filter_map(|line| line.split(['<', '>']).nth(2))
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(text.parse::<Card>().unwrap(), card);
        assert!(svg.contains(">A &amp; &lt;B&gt;<"));
        assert_eq!((svg.matches("<svg").count(), svg.matches("</svg>").count()), (2, 2));
        assert!(!svg.contains("<?xml"));
    }

    #[test]
    fn the_longest_card_fits_a_code() {
        let address = format!("{}.org", ["a".repeat(60), "b".repeat(61)].join("."));
        let card = card(&[&*address; 8]);
        assert!(card_svg(&card, "x").is_ok());
        let code = card_for_terminal(&card).unwrap();
        let widths: Vec<_> = code.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]) && widths[0] > 100);
    }
}
