import CSystem

/// A number from the kernel's random source, for names that nothing else has.
package func randomNumber() -> UInt64 {
    var number: UInt64 = 0
    // Fewer than 256 bytes come whole, once the kernel has started.
    withUnsafeMutableBytes(of: &number) { bytes in
        while getrandom(bytes.baseAddress!, bytes.count, 0) < 0 && csys_errno() == EINTR {}
    }
    return number
}
