/// HTML, in which what is interpolated is text: it is escaped, unless it is markup itself.
///
///     let row: Markup = "<td>\(job.id)</td>"
///
/// So text of unknown making can't become markup by an oversight. Attributes stand in double quotation marks.
struct Markup: ExpressibleByStringInterpolation {
    let html: String

    init(stringLiteral value: String) {
        html = value
    }

    init(stringInterpolation: StringInterpolation) {
        html = stringInterpolation.html
    }

    /// The most bytes of one interpolated text.
    private static let longestText = 4096

    /// Text without markup, without what could turn the reading direction, in one line.
    static func escaped(_ text: String) -> String {
        var html = ""
        for scalar in SafeText.line(text, limit: longestText).unicodeScalars {
            switch scalar {
            case "&": html += "&amp;"
            case "<": html += "&lt;"
            case ">": html += "&gt;"
            case "\"": html += "&quot;"
            case "'": html += "&#39;"
            default: html.unicodeScalars.append(scalar)
            }
        }
        return html
    }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate(set) var html = ""

        init(literalCapacity: Int, interpolationCount: Int) {
            html.reserveCapacity(literalCapacity + interpolationCount * 16)
        }

        mutating func appendLiteral(_ literal: String) { html += literal }

        mutating func appendInterpolation(_ text: String) { html += Markup.escaped(text) }

        mutating func appendInterpolation(_ number: Int) { html += String(number) }

        mutating func appendInterpolation(_ markup: Markup) { html += markup.html }

        mutating func appendInterpolation(_ parts: [Markup]) { for part in parts { html += part.html } }
    }
}
