/// The first index of a sorted list at which `isBefore` is false; `count` if there is none.
@inline(__always) func firstIndex(in count: Int, isBefore: (Int) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
        let middle = (low + high) / 2
        if isBefore(middle) { low = middle + 1 } else { high = middle }
    }
    return low
}
