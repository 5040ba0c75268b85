//! Reads the rules as they are written in contrib/: one key a line, a long expression as an indented block after `|`.

/// A recording or an alert rule.
#[derive(Default)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) expr: String,
    /// Empty for what is only recorded.
    pub(super) severity: String,
    /// Where the documents say what to do.
    pub(super) runbook: String,
}

impl Rule {
    pub(super) fn all(text: &str) -> Vec<Self> {
        let mut rules = Vec::<Self>::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let key = line.trim_start().trim_start_matches("- ");
            if let Some(name) = key.strip_prefix("record: ").or_else(|| key.strip_prefix("alert: ")) {
                rules.push(Self { name: name.to_owned(), ..Self::default() });
            }
            let Some(rule) = rules.last_mut() else { continue };
            if key == "expr: |" {
                while let Some(more) = lines.next_if(|next| next.starts_with("          ")) {
                    rule.expr.push_str(more);
                }
            } else if let Some(expr) = key.strip_prefix("expr: ") {
                expr.clone_into(&mut rule.expr);
            } else if let Some(severity) = key.strip_prefix("labels: { severity: ") {
                severity.trim_end_matches(" }").clone_into(&mut rule.severity);
            } else if let Some(runbook) = key.strip_prefix("runbook: ") {
                runbook.trim_matches('"').clone_into(&mut rule.runbook);
            }
        }
        rules
    }

    pub(super) fn is_alert(&self) -> bool {
        !self.severity.is_empty()
    }
}
