/// Finds what a user meant by a mistyped word.
package enum Suggestion {
    /// Longer words aren't compared: no name is that long, and the work grows with the square.
    static let maximumLength = 64

    /// The candidate that the word most likely stands for: one that it begins, else the nearest
    /// within a third of the candidate's length; nil if none is near.
    package static func closest(to word: [UInt8], among candidates: [String]) -> String? {
        guard !word.isEmpty, word.count <= maximumLength else { return nil }
        var best: String?
        var bestDistance = Int.max
        for candidate in candidates {
            let name = Array(candidate.utf8)
            let difference: Int
            if word.count >= 2, name.starts(with: word) {
                difference = 0
            } else {
                difference = distance(word, name)
                if difference > max(1, name.count / 3) || difference >= name.count { continue }
            }
            if difference < bestDistance { (best, bestDistance) = (candidate, difference) }
        }
        return best
    }

    /// Damerau-Levenshtein distance (optimal string alignment) in bytes: insertions, deletions,
    /// replacements and swaps of neighbours that lead from one word to the other.
    package static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in 0..<left.count {
            var current = [row + 1]
            for column in 0..<right.count {
                let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
                var cost = min(replaced, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }
}
