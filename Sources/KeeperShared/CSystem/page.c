// The files of the dashboard, as they are in contrib/dashboard, for the gateway to serve.
#include "csystem.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char index_html[] = {
#embed "../../../contrib/dashboard/index.html"
};
static const unsigned char dashboard_css[] = {
#embed "../../../contrib/dashboard/dashboard.css"
};
static const unsigned char actions_js[] = {
#embed "../../../contrib/dashboard/actions.js"
};
static const unsigned char agent_js[] = {
#embed "../../../contrib/dashboard/agent.js"
};
static const unsigned char ansi_js[] = {
#embed "../../../contrib/dashboard/ansi.js"
};
static const unsigned char connection_js[] = {
#embed "../../../contrib/dashboard/connection.js"
};
static const unsigned char conversation_js[] = {
#embed "../../../contrib/dashboard/conversation.js"
};
static const unsigned char curve_js[] = {
#embed "../../../contrib/dashboard/curve.js"
};
static const unsigned char details_js[] = {
#embed "../../../contrib/dashboard/details.js"
};
static const unsigned char dialog_js[] = {
#embed "../../../contrib/dashboard/dialog.js"
};
static const unsigned char dom_js[] = {
#embed "../../../contrib/dashboard/dom.js"
};
static const unsigned char events_js[] = {
#embed "../../../contrib/dashboard/events.js"
};
static const unsigned char format_js[] = {
#embed "../../../contrib/dashboard/format.js"
};
static const unsigned char journal_js[] = {
#embed "../../../contrib/dashboard/journal.js"
};
static const unsigned char keyboard_js[] = {
#embed "../../../contrib/dashboard/keyboard.js"
};
static const unsigned char list_js[] = {
#embed "../../../contrib/dashboard/list.js"
};
static const unsigned char main_js[] = {
#embed "../../../contrib/dashboard/main.js"
};
static const unsigned char markdown_js[] = {
#embed "../../../contrib/dashboard/markdown.js"
};
static const unsigned char output_js[] = {
#embed "../../../contrib/dashboard/output.js"
};
static const unsigned char palette_js[] = {
#embed "../../../contrib/dashboard/palette.js"
};
static const unsigned char screen_js[] = {
#embed "../../../contrib/dashboard/screen.js"
};
static const unsigned char session_js[] = {
#embed "../../../contrib/dashboard/session.js"
};
static const unsigned char start_js[] = {
#embed "../../../contrib/dashboard/start.js"
};
static const unsigned char store_js[] = {
#embed "../../../contrib/dashboard/store.js"
};
static const unsigned char terminal_js[] = {
#embed "../../../contrib/dashboard/terminal.js"
};

#define HTML "text/html; charset=utf-8"
#define CSS "text/css; charset=utf-8"
#define SCRIPT "text/javascript; charset=utf-8"
#define FILE(name, type, bytes) {name, type, bytes, sizeof bytes}

static const struct csys_page_file files[] = {
    FILE("index.html", HTML, index_html),
    FILE("dashboard.css", CSS, dashboard_css),
    FILE("actions.js", SCRIPT, actions_js),
    FILE("agent.js", SCRIPT, agent_js),
    FILE("ansi.js", SCRIPT, ansi_js),
    FILE("connection.js", SCRIPT, connection_js),
    FILE("conversation.js", SCRIPT, conversation_js),
    FILE("curve.js", SCRIPT, curve_js),
    FILE("details.js", SCRIPT, details_js),
    FILE("dialog.js", SCRIPT, dialog_js),
    FILE("dom.js", SCRIPT, dom_js),
    FILE("events.js", SCRIPT, events_js),
    FILE("format.js", SCRIPT, format_js),
    FILE("journal.js", SCRIPT, journal_js),
    FILE("keyboard.js", SCRIPT, keyboard_js),
    FILE("list.js", SCRIPT, list_js),
    FILE("main.js", SCRIPT, main_js),
    FILE("markdown.js", SCRIPT, markdown_js),
    FILE("output.js", SCRIPT, output_js),
    FILE("palette.js", SCRIPT, palette_js),
    FILE("screen.js", SCRIPT, screen_js),
    FILE("session.js", SCRIPT, session_js),
    FILE("start.js", SCRIPT, start_js),
    FILE("store.js", SCRIPT, store_js),
    FILE("terminal.js", SCRIPT, terminal_js),
};

const struct csys_page_file *csys_page(int i) {
    return i >= 0 && i < (int)(sizeof files / sizeof files[0]) ? &files[i] : NULL;
}
