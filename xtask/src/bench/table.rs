//! Tables in Markdown whose columns line up.

/// A header and rows.
pub(crate) fn markdown(header: &[&str], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
    let all = || std::iter::once(&header).chain(rows);
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &[String]| -> String {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!(" {cell:<width$} |"));
        format!("|{}\n", cells.collect::<String>())
    };
    let rule: String = widths.iter().map(|width| "-".repeat(width + 2) + "|").collect();
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!("{}|{rule}\n{rows}", line(&header))
}

#[cfg(test)]
mod tests {
    use super::markdown;

    #[test]
    fn columns_line_up() {
        let table = markdown(&["a", "long"], &[vec!["wide ×".into(), "b".into()]]);
        assert_eq!(table, "| a      | long |\n|--------|------|\n| wide × | b    |\n");
    }
}
