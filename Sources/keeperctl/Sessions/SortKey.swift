import KeeperShared

/// What an entry is sorted by, and where the entry is.
///
/// One type for all that can be sorted by a number: each type that is sorted costs some KiB of code.
struct SortKey {
    let key: Int64
    let index: Int

    init(_ key: Int64, _ index: Int) {
        self.key = key
        self.index = index
    }

    /// Sorts by the keys; equal ones stay in their order.
    @inline(never) static func sort(_ keys: inout [SortKey]) {
        keys.sort { $0.key != $1.key ? $0.key < $1.key : $0.index < $1.index }
    }
}
