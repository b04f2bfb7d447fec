import CSystem
import KeeperShared

/// The dashboard: a few files that are part of this program.
enum Page {
    private struct File {
        let name: String
        let tag: String
        /// The fields of an answer that has no body, and of one with it.
        let fields: [String]
        let number: Int32
    }

    /// Nothing but the page's own files, and nothing that could be markup by accident.
    private static let policy =
        "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        + "require-trusted-types-for 'script'; trusted-types 'none'"

    /// Looked at once, at the first request.
    private static let files: [File] = {
        var files: [File] = []
        while let file = csys_page(Int32(files.count)) {
            let tag = concat("\"", tag(bytes(of: Int32(files.count))), "\"")
            // Checked each time, so that the page is never older than the gateway.
            let fields = concat(
                "ETag: ", tag, "\r\nCache-Control: no-cache\r\n", policy,
                "\r\nReferrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin")
            let type = concat("Content-Type: ", String(cString: file.pointee.type))
            files.append(
                File(
                    name: String(cString: file.pointee.name), tag: tag, fields: [fields, type],
                    number: Int32(files.count)))
        }
        return files
    }()

    /// Answers for a file of the page; nil when the path is none of them.
    static func answer(_ path: [String], _ request: HTTPRequest) -> HTTPResponse? {
        if path.count > 1 { return nil }
        let name = path.first ?? "index.html"
        guard let file = files.first(where: { equalUTF8($0.name, name) }) else { return nil }
        if request.method != .get && request.method != .head {
            return HTTPResponse(HTTPFailure(405, "a file can only be read", field: "Allow: GET, HEAD"))
        }
        let asked = listedWords(of: request.field("if-none-match"))
        if asked.contains(where: { equalUTF8($0, file.tag) || equalUTF8($0, concat("W/", file.tag)) }) {
            return HTTPResponse(status: 304, type: nil, fields: [file.fields[0]])
        }
        var response = HTTPResponse(type: nil, fields: file.fields)
        response.file = file.number
        return response
    }

    /// What is in a file, for as long as the program runs.
    static func bytes(of number: Int32) -> UnsafeRawBufferPointer {
        let file = csys_page(number)!
        return UnsafeRawBufferPointer(start: file.pointee.bytes, count: file.pointee.size)
    }

    /// FNV-1a: tells one version of a file from another.
    private static func tag(_ bytes: UnsafeRawBufferPointer) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }
}
