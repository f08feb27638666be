//! Hostile text made safe to look at on a terminal.
//!
//! A message may hold anything: escape sequences that rewrite the screen, direction overrides that make a sentence
//! read backwards, invisible characters. The bytes of the message stay as they were sent; only what is printed changes.

/// Text as it may be printed: control and invisible formatting characters shown as `<U+001B>`, line breaks and tabs
/// kept, and any direction embedding closed at the end of its line.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            out.push('\n');
        }
        let mut isolates = 0_u32;
        for c in line.trim_end_matches('\r').chars() {
            match c {
                '\t' => out.push(c),
                // Isolates are what honest mixed-direction text uses; they are closed at the end of the line.
                '\u{2066}'..='\u{2068}' => {
                    isolates += 1;
                    out.push(c);
                }
                '\u{2069}' if isolates > 0 => {
                    isolates -= 1;
                    out.push(c);
                }
                // Marks and joiners shape Arabic and Kurdish letters and cannot reorder what stands beside them.
                '\u{200C}'..='\u{200F}' | '\u{061C}' => out.push(c),
                c if must_be_named(c) => out.push_str(&format!("<U+{:04X}>", u32::from(c))),
                c => out.push(c),
            }
        }
        out.extend(std::iter::repeat_n('\u{2069}', isolates as usize));
    }
    out
}

/// One line, for lists: line breaks become spaces and at most `max` characters stay.
#[must_use]
pub fn one_line(text: &str, max: usize) -> String {
    let flat: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = flat.chars().take(max).collect();
    let shortened = cut.chars().count() < flat.chars().count();
    printable(&cut) + if shortened { "…" } else { "" }
}

fn must_be_named(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{115F}'..='\u{1160}' | '\u{180E}' | '\u{200B}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_is_shown_and_not_obeyed() {
        assert_eq!(printable("a\u{1b}[2Jb\u{7}\r\nc\td"), "a<U+001B>[2Jb<U+0007>\nc\td");
        assert_eq!(printable("a\rb"), "a<U+000D>b");
        assert_eq!(printable("\u{9b}31m"), "<U+009B>31m");
    }

    #[test]
    fn a_direction_override_cannot_reorder_a_line() {
        assert_eq!(printable("\u{202e}txt"), "<U+202E>txt");
        assert_eq!(printable("\u{2067}one\ntwo"), "\u{2067}one\u{2069}\ntwo");
        assert_eq!(printable("a\u{2069}b"), "a<U+2069>b");
    }

    #[test]
    fn arabic_and_kurdish_text_is_untouched() {
        for text in ["وصلتنا رسالتكم، ٢١٤ بيتًا", "Pirtûk bi sê zimanan tên", "نمی\u{200c}خواهم"]
        {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn a_list_line_is_one_line_and_short() {
        assert_eq!(one_line("one\n two\u{1b}  three", 20), "one two<U+001B> three");
        assert_eq!(one_line("سلام عليكم", 4), "سلام…");
    }
}
