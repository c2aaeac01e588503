/// Reads the fields of a cron expression.
struct CronParser {
    private let text: String
    private let characters: [Character]
    private var position = 0
    /// Where the field that is read ends.
    private var end = 0

    init(_ text: String) {
        self.text = text
        characters = Array(text)
    }

    func fault(at position: Int, _ problem: String, expected: String = "") -> CronError {
        CronError(text, at: position, problem, expected: expected)
    }

    private static let shape = "[SECOND] MINUTE HOUR DAY MONTH WEEKDAY"

    /// The stretches between blanks.
    private var words: [Range<Int>] {
        var words: [Range<Int>] = []
        var start: Int?
        for (index, character) in characters.enumerated() {
            if character == " " || character == "\t" {
                if let begun = start { words.append(begun..<index) }
                start = nil
            } else if start == nil {
                start = index
            }
        }
        if let begun = start { words.append(begun..<characters.count) }
        return words
    }

    mutating func fields() throws(CronError) -> CronFields {
        let words = words
        guard words.count >= 5 else {
            let problem = words.isEmpty ? "it is empty" : "it ends after \(words.count) of 5 or 6 fields"
            throw fault(at: characters.count, problem, expected: "\(Self.shape), or @daily, or @every 5m")
        }
        guard words.count <= 6 else {
            throw fault(
                at: words[6].lowerBound,
                "this is a field too many: years are not supported",
                expected: Self.shape
            )
        }
        let units = CronUnit.allCases.suffix(words.count)
        var fields: [CronField] = []
        for (unit, word) in zip(units, words) { fields.append(try field(unit, word)) }
        if fields.count == 5 { fields.insert(CronField(values: 1), at: 0) }
        return CronFields(
            seconds: fields[0].values,
            minutes: fields[1].values,
            hours: fields[2],
            daysOfMonth: fields[3],
            months: fields[4].values,
            daysOfWeek: fields[5]
        )
    }

    private mutating func field(_ unit: CronUnit, _ word: Range<Int>) throws(CronError) -> CronField {
        position = word.lowerBound
        end = word.upperBound
        var field = CronField(isWild: peek == "*" || peek == "?")
        while true {
            try item(unit, &field)
            guard position < end else { return field }
            guard peek == "," else {
                throw fault(
                    at: position,
                    "\(SafeText.quoted(String(characters[position]))) does not fit in \(unit.label)",
                    expected: "a comma, a blank, or \(unit.expected)"
                )
            }
            position += 1
        }
    }

    private mutating func item(_ unit: CronUnit, _ field: inout CronField) throws(CronError) {
        let start = position
        switch peek {
        case nil: throw fault(at: position, "a value is missing in \(unit.label)", expected: unit.expected)
        case "*":
            position += 1
            let step = try step(unit) ?? 1
            for value in stride(from: unit.range.lowerBound, to: unit.range.lowerBound + unit.count, by: step) {
                field.values |= 1 << value
            }
        case "?":
            guard unit == .dayOfMonth || unit == .dayOfWeek else {
                throw fault(
                    at: start,
                    "? stands for a day that does not matter, not in \(unit.label)",
                    expected: unit.expected
                )
            }
            position += 1
            for value in 0..<unit.count { field.values |= 1 << (unit.range.lowerBound + value) }
        case "L", "l":
            position += 1
            try last(unit, start, &field)
        default:
            try values(unit, start, &field)
        }
    }

    /// What follows `L` where an item begins with it.
    private mutating func last(_ unit: CronUnit, _ start: Int, _ field: inout CronField) throws(CronError) {
        guard unit == .dayOfMonth else {
            let hint = unit == .dayOfWeek ? "a day before it, such as FRIL for the month's last Friday" : unit.expected
            throw fault(at: start, "L alone is for days of the month, not for \(unit.label)", expected: hint)
        }
        if peek == "W" || peek == "w" {
            position += 1
            field.lastWeekday = true
            return
        }
        guard peek == "-" else {
            field.beforeLast |= 1
            return
        }
        position += 1
        let place = position
        guard let days = try number(), (1...30).contains(days) else {
            throw fault(at: place, "L-N counts days before the month's last", expected: "a number from 1 to 30")
        }
        field.beforeLast |= 1 << days
    }

    /// A value, a range or a step from a value on, or one of Quartz's days.
    private mutating func values(_ unit: CronUnit, _ start: Int, _ field: inout CronField) throws(CronError) {
        let first = try value(unit)
        switch peek {
        case "-":
            position += 1
            let place = position
            let last = try value(unit)
            guard first <= last || unit.isCyclic else {
                throw fault(
                    at: place,
                    "the range ends at \(last), before it begins",
                    expected: "a day from \(first) to 31"
                )
            }
            let length = first <= last ? last - first : last + unit.count - first
            add(first, length: min(length, unit.count - 1), step: try step(unit) ?? 1, unit, &field)
        case "/":
            let step = try step(unit) ?? 1
            let highest = unit.range.lowerBound + unit.count - 1
            add(first, length: max(0, highest - first), step: step, unit, &field)
        case "W" where unit == .dayOfMonth, "w" where unit == .dayOfMonth:
            position += 1
            field.nearWeekdays |= 1 << first
        case "L", "l":
            guard unit == .dayOfWeek else {
                throw fault(at: position, "this does not fit after a value in \(unit.label)", expected: unit.expected)
            }
            position += 1
            field.lastOnes |= 1 << (first % 7)
        case "#":
            guard unit == .dayOfWeek else {
                throw fault(at: position, "# is for days of the week, as FRI#2", expected: unit.expected)
            }
            position += 1
            let place = position
            guard let which = try number(), (1...5).contains(which) else {
                throw fault(at: place, "# says which one of the month", expected: "a number from 1 to 5")
            }
            field.numbered |= 1 << (8 * (first % 7) + which)
        default:
            field.values |= 1 << (unit == .dayOfWeek ? first % 7 : first)
        }
    }

    private func add(_ first: Int, length: Int, step: Int, _ unit: CronUnit, _ field: inout CronField) {
        for distance in stride(from: 0, through: length, by: step) {
            let index = (first - unit.range.lowerBound + distance) % unit.count
            field.values |= 1 << (unit.range.lowerBound + index)
        }
    }

    private mutating func step(_ unit: CronUnit) throws(CronError) -> Int? {
        guard peek == "/" else { return nil }
        position += 1
        let place = position
        let most = unit.count - 1
        guard let step = try number() else {
            throw fault(at: place, "the step after / is missing", expected: "a number from 1 to \(most)")
        }
        guard (1...most).contains(step) else {
            let problem =
                "a step of \(step) in \(unit.label) " + (step == 0 ? "goes nowhere" : "never comes to a second value")
            throw fault(at: place, problem, expected: "a number from 1 to \(most)")
        }
        return step
    }

    private mutating func value(_ unit: CronUnit) throws(CronError) -> Int {
        let start = position
        if let number = try number() {
            guard unit.range.contains(number) else {
                throw fault(at: start, "\(number) does not fit in \(unit.label)", expected: unit.expected)
            }
            return number
        }
        guard let next = peek, next != "," else {
            throw fault(at: start, "a value is missing in \(unit.label)", expected: unit.expected)
        }
        let name = String(characters[start..<min(start + 3, end)]).uppercased()
        guard let index = unit.names.firstIndex(of: name) else {
            let word = String(characters[start..<end].prefix { $0 != "," && $0 != "-" && $0 != "/" })
            let shown = SafeText.quoted(word.isEmpty ? String(characters[start]) : word)
            throw fault(at: start, "\(shown) does not fit in \(unit.label)", expected: unit.expected)
        }
        position += 3
        return unit == .month ? index + 1 : index
    }

    /// The digits that come next; nil where there are none.
    private mutating func number() throws(CronError) -> Int? {
        let start = position
        while let digit = peek, digit.isASCII, digit.isNumber { position += 1 }
        guard start < position else { return nil }
        guard let number = Int(String(characters[start..<position])), number < 1_000_000 else {
            throw fault(at: start, "this number is too large")
        }
        return number
    }

    private var peek: Character? { position < end ? characters[position] : nil }
}
