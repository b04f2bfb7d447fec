import KeeperShared

extension FileDescriptor {
    /// Reads once, at a position if one is given; empty at the end.
    @inline(never) borrowing func readChunk(_ size: Int, at position: Int? = nil) throws(SystemError)
        -> [UInt8]
    {
        var chunk = [UInt8](repeating: 0, count: size)
        let count = try chunk.withUnsafeMutableBufferPointer { space throws(SystemError) in
            let space = UnsafeMutableRawBufferPointer(space)
            return if let position { try read(into: space, at: position) } else { try read(into: space) }
        }
        chunk.removeLast(size - count)
        return chunk
    }
}
