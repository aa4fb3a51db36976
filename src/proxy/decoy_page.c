#include "proxy/decoy_page.h"

#include <stdio.h>

static const struct row {
	uint16_t status;
	const char *title; /* what the status line says, too */
	bool closes;
} rows[] = {
	{200, "OK", false},
	{201, "Created", false},
	{202, "Accepted", false},
	{204, "No Content", false},
	{206, "Partial Content", false},
	{301, "Moved Permanently", false},
	{302, "Moved Temporarily", false},
	{303, "See Other", false},
	{304, "Not Modified", false},
	{307, "Temporary Redirect", false},
	{308, "Permanent Redirect", false},
	{400, "Bad Request", true},
	{401, "Unauthorized", false},
	{402, "Payment Required", false},
	{403, "Forbidden", false},
	{404, "Not Found", false},
	{405, "Not Allowed", false},
	{406, "Not Acceptable", false},
	{408, "Request Time-out", true},
	{409, "Conflict", false},
	{410, "Gone", false},
	{411, "Length Required", false},
	{412, "Precondition Failed", false},
	{413, "Request Entity Too Large", true},
	{414, "Request-URI Too Large", true},
	{415, "Unsupported Media Type", false},
	{416, "Requested Range Not Satisfiable", false},
	{421, "Misdirected Request", false},
	{429, "Too Many Requests", false},
	{500, "Internal Server Error", true},
	{501, "Not Implemented", true},
	{502, "Bad Gateway", false},
	{503, "Service Temporarily Unavailable", false},
	{504, "Gateway Time-out", false},
	{505, "HTTP Version Not Supported", true},
	{507, "Insufficient Storage", false},
};

static const struct row *find(uint16_t status) {
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].status == status)
			return &rows[i];
	return NULL;
}

const char *decoy_page_reason(uint16_t status) {
	const struct row *row = find(status);
	return row ? row->title : "";
}

void decoy_page_answer(struct decoy_answer *answer, uint16_t status, struct slice location,
					   uint64_t wall_now) {
	const char *more = status == DECOY_PAGE_FIELDS_TOO_LARGE ? "Request Header Or Cookie Too Large"
					   : status == DECOY_PAGE_PLAIN_HTTP
						   ? "The plain HTTP request was sent to HTTPS port"
						   : NULL;
	status = more ? 400 : status;
	const struct row *row = find(status);
	char page[512];
	int size =
		snprintf(page, sizeof page,
				 "<html>\r\n<head><title>%u %s</title></head>\r\n<body>\r\n"
				 "<center><h1>%u %s</h1></center>\r\n%s%s%s"
				 "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
				 status, more ? more : decoy_page_reason(status), status, decoy_page_reason(status),
				 more ? "<center>" : "", more ? more : "", more ? "</center>\r\n" : "");
	decoy_answer_init(answer, status, wall_now);
	answer->close = row && row->closes;
	answer->has_body = answer->has_length = true;
	answer->body = decoy_answer_keep(answer, page, (size_t)size);
	decoy_answer_print(answer, "Content-Type", "text/html");
	decoy_answer_print(answer, "Content-Length", "%zu", answer->body.size);
	if (location.data)
		decoy_answer_add(answer, slice_of_text("Location"), location);
	decoy_answer_turn(answer);
}
