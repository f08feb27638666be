//! Cards, and the succession of roots (section 3).

use super::case::Case;
use super::kit::{Key, seed};
use super::office::Root;
use bech32::{Bech32, Bech32m, ByteIterExt as _, Checksum, Fe32, Fe32IterExt as _, Hrp};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = accepted();
    cases.extend(refused());
    cases.extend(lineages());
    cases
}

const ADDRESS: &str = "relay.example.org";

fn fingerprint() -> [u8; 16] {
    std::array::from_fn(|i| i as u8)
}

/// The 32 characters in upper case.
fn characters<C: Checksum>(data: impl Iterator<Item = Fe32>) -> String {
    let hrp = Hrp::parse("cssr").unwrap();
    data.with_checksum::<C>(&hrp).chars().skip("cssr1".len()).collect::<String>().to_uppercase()
}

fn grouped(characters: &str) -> String {
    characters.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect::<Vec<_>>().join("-")
}

fn right() -> String {
    grouped(&characters::<Bech32m>(fingerprint().into_iter().bytes_to_fes()))
}

/// An address with what follows from it.
struct Address<'a> {
    text: &'a str,
    url: &'a str,
}

fn accepted() -> Vec<Case> {
    let plain = [Address { text: ADDRESS, url: "wss://relay.example.org:443/" }];
    let front = right();
    let usual = format!("cssr:{front}@{ADDRESS}");
    let case = |name: &str, comment: &str, text: &str, addresses: &[Address<'_>]| {
        let canonical = addresses.iter().map(|address| address.text).collect::<Vec<_>>().join(",");
        Case::ok(&format!("card/{name}"), comment)
            .input("text", text)
            .output("fingerprint", fingerprint())
            .output("card", format!("cssr:{front}@{canonical}"))
            .outputs("url", addresses.iter().map(|address| address.url))
    };
    let one = |name: &str, comment: &str, address: &str, url: &str| {
        case(name, comment, &format!("cssr:{front}@{address}"), &[Address { text: address, url }])
    };
    vec![
        case("one-address", "The card of the specification: the fingerprint is 0 to 15.", &usual, &plain),
        case(
            "several-addresses",
            "Three addresses, one of them an onion service.",
            &format!("cssr:{front}@relay.example.org,192.0.2.7:8443,abc.onion"),
            &[
                Address { text: ADDRESS, url: "wss://relay.example.org:443/" },
                Address { text: "192.0.2.7:8443", url: "wss://192.0.2.7:8443/" },
                Address { text: "abc.onion", url: "ws://abc.onion:80/" },
            ],
        ),
        one("ipv6", "An IPv6 address with a port.", "[2001:db8::1]:8443", "wss://[2001:db8::1]:8443/"),
        one("ipv6-ws", "A scheme before an IPv6 address.", "ws://[2001:db8::1]", "ws://[2001:db8::1]:80/"),
        one("onion-wss", "An onion service that wants TLS.", "wss://abc.onion", "wss://abc.onion:443/"),
        case("lower-case", "Case does not matter, not even that of the prefix.", &usual.to_lowercase(), &plain),
        case("without-hyphens", "Hyphens are for people.", &usual.replace('-', ""), &plain),
        case(
            "other-hyphens-and-white-space",
            "U+2010, U+2011, a line break and spaces inside and around.",
            &format!("  CSSR:{}@ {ADDRESS}\n", front.replacen('-', "\u{2010}", 3).replacen('-', "\u{2011}\n ", 1)),
            &plain,
        ),
        case(
            "with-marks",
            "Marks of direction that programs put around left-to-right text among Arabic.",
            &format!("\u{2066}cssr:\u{200e}{front}\u{200e}@\u{202a}{ADDRESS}\u{202c}\u{2069}\u{feff}"),
            &plain,
        ),
        one(
            "longest-address",
            "An address of 128 bytes.",
            &format!("{}.{}", "a".repeat(63), "b".repeat(64 - 8) + ".example"),
            &format!("wss://{}.{}:443/", "a".repeat(63), "b".repeat(64 - 8) + ".example"),
        ),
    ]
}

fn refused() -> Vec<Case> {
    let front = right();
    let usual = format!("cssr:{front}@{ADDRESS}");
    let case = |name: &str, reason: &str, comment: &str, text: String| {
        Case::refused(&format!("card/{name}"), reason, comment).input("text", text)
    };
    let at = |name: &str, comment: &str, addresses: &str| {
        case(name, "card-address", comment, format!("cssr:{front}@{addresses}"))
    };
    let old = grouped(&characters::<Bech32>(fingerprint().into_iter().bytes_to_fes()));
    let mut padded: Vec<Fe32> = fingerprint().into_iter().bytes_to_fes().collect();
    let last = padded.pop().unwrap();
    padded.push(Fe32::try_from(last.to_u8() | 1).unwrap());
    let padded = grouped(&characters::<Bech32m>(padded.into_iter()));
    vec![
        case("prefix", "card-prefix", "A semicolon for the colon.", usual.replacen(':', ";", 1)),
        case("no-address", "card-no-address", "Nothing behind the fingerprint.", format!("cssr:{front}")),
        case("empty-address", "card-no-address", "Nothing behind the at sign.", format!("cssr:{front}@")),
        case("no-bech32-character", "card-character", "B is none of the 32 characters.", usual.replacen('Q', "B", 1)),
        case("arabic-digit", "card-character", "U+0665 is no digit of a card.", usual.replacen('5', "\u{665}", 1)),
        case(
            "31-characters",
            "card-length",
            "The last character is missing.",
            format!("cssr:{}@{ADDRESS}", &front[..38]),
        ),
        case("33-characters", "card-length", "One character too many.", format!("cssr:{front}Q@{ADDRESS}")),
        case("mistyped", "card-checksum", "One character is another.", usual.replacen("WZQF", "WZQG", 1)),
        case("bech32", "card-checksum", "The checksum of Bech32, not of Bech32m.", format!("cssr:{old}@{ADDRESS}")),
        case(
            "padding",
            "card-padding",
            "One of the last two bits of data is set; the checksum fits.",
            format!("cssr:{padded}@{ADDRESS}"),
        ),
        case(
            "nine-addresses",
            "card-too-many-addresses",
            "At most eight.",
            format!("cssr:{front}@{}", ["a.example"; 9].join(",")),
        ),
        at("second-address-empty", "A comma with nothing behind it.", "relay.example.org,"),
        at(
            "address-too-long",
            "An address of 129 bytes.",
            &format!("{}.{}", "a".repeat(63), "b".repeat(65 - 8) + ".example"),
        ),
        at("address-with-path", "The path is always /.", "relay.example.org/x"),
        at("address-with-user", "An at sign in an address.", "user@relay.example.org"),
        at("address-scheme", "Neither ws nor wss.", "https://relay.example.org"),
        at("address-not-ascii", "A Cyrillic letter that looks like a Latin one.", "rel\u{430}y.example.org"),
        at("address-port", "Port 65536.", "relay.example.org:65536"),
        at("address-port-0", "Port 0.", "relay.example.org:0"),
        at("address-ipv4-hexadecimal", "Its last label is a number, but it is no plain dotted decimal.", "127.0.0.0x1"),
        at("address-ipv4-short", "A number that some programs take for an address.", "2130706433"),
        at("address-ipv6-without-brackets", "It ends in a number that could be a port.", "2001:db8::1"),
    ]
}

fn lineages() -> Vec<Case> {
    let roots = |numbers: &[u64]| numbers.iter().map(|n| Root::of("office", *n)).collect::<Vec<_>>();
    let given = |case: Case, card: [u8; 16], roots: &[Root]| {
        let case = case.input("card", card);
        roots.iter().fold(case, |case, root| case.input("root", root.key).input("commitment", root.commitment))
    };
    let seeds = |case: Case, numbers: &[u64]| {
        numbers.iter().fold(case, |case, n| case.from("root-seed", Root::seed("office", *n)))
    };
    let holds = |name: &str, comment: &str, card: [u8; 16], numbers: &[u64]| {
        let roots = roots(numbers);
        let (first, last) = (roots.first().unwrap(), roots.last().unwrap());
        // One seed more than roots: the last one is announced only.
        let announced: Vec<u64> = numbers.iter().copied().chain([numbers.last().unwrap() + 1]).collect();
        seeds(given(Case::ok(&format!("lineage/{name}"), comment), card, &roots), &announced)
            .output("office", first.fingerprint())
            .output("current-root", last.key)
            .output("current-fingerprint", last.fingerprint())
    };
    let fails = |name: &str, reason: &str, comment: &str, card: [u8; 16], roots: &[Root]| {
        given(Case::refused(&format!("lineage/{name}"), reason, comment), card, roots)
    };
    let card = |n: u64| Root::of("office", n).fingerprint();
    let thief: Key = super::kit::ed25519(&seed("thief"));
    let mut stolen = roots(&[0, 1]);
    stolen[1].key = thief;
    let mut bent = roots(&[0, 1]);
    bent[0].commitment[31] ^= 1;
    vec![
        holds("one-root", "An office that still has its first root.", card(0), &[0]),
        holds("two-roots-first-card", "A card printed before the succession.", card(0), &[0, 1]),
        holds(
            "two-roots-second-card",
            "A card printed after the succession. The office id is still the first card's.",
            card(1),
            &[0, 1],
        ),
        holds(
            "sixteen-roots",
            "As many as there may be, and a card from the middle.",
            card(7),
            &(0..16).collect::<Vec<_>>(),
        ),
        fails(
            "other-office",
            "lineage-other-office",
            "No root is the card's.",
            Root::of("other office", 0).fingerprint(),
            &roots(&[0, 1]),
        ),
        fails(
            "not-revealed",
            "lineage-other-office",
            "The card of a root that is only announced.",
            card(1),
            &roots(&[0]),
        ),
        fails(
            "foreign-root-behind",
            "lineage-broken",
            "The second root is not the one that the first announced.",
            card(0),
            &stolen,
        ),
        fails(
            "changed-commitment",
            "lineage-broken",
            "One bit of the first commitment is another; the card is that of the second root.",
            card(1),
            &bent,
        ),
        fails("gap", "lineage-broken", "The root in the middle is left out.", card(0), &roots(&[0, 2])),
        fails(
            "seventeen-roots",
            "malformed",
            "One more than there may be.",
            card(0),
            &roots(&(0..17).collect::<Vec<_>>()),
        ),
        fails("no-roots", "malformed", "At least one.", card(0), &[]),
    ]
}
