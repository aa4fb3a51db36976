#include "proxy/site_type.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *ending, *type;
} rows[] = {
	{"html", "text/html"},
	{"htm", "text/html"},
	{"shtml", "text/html"},
	{"css", "text/css"},
	{"xml", "text/xml"},
	{"gif", "image/gif"},
	{"jpeg", "image/jpeg"},
	{"jpg", "image/jpeg"},
	{"js", "application/javascript"},
	{"atom", "application/atom+xml"},
	{"rss", "application/rss+xml"},
	{"txt", "text/plain"},
	{"png", "image/png"},
	{"svg", "image/svg+xml"},
	{"svgz", "image/svg+xml"},
	{"avif", "image/avif"},
	{"tif", "image/tiff"},
	{"tiff", "image/tiff"},
	{"webp", "image/webp"},
	{"ico", "image/x-icon"},
	{"bmp", "image/x-ms-bmp"},
	{"woff", "font/woff"},
	{"woff2", "font/woff2"},
	{"json", "application/json"},
	{"doc", "application/msword"},
	{"pdf", "application/pdf"},
	{"ps", "application/postscript"},
	{"rtf", "application/rtf"},
	{"xls", "application/vnd.ms-excel"},
	{"ppt", "application/vnd.ms-powerpoint"},
	{"wasm", "application/wasm"},
	{"7z", "application/x-7z-compressed"},
	{"rar", "application/x-rar-compressed"},
	{"rpm", "application/x-redhat-package-manager"},
	{"xhtml", "application/xhtml+xml"},
	{"zip", "application/zip"},
	{"mid", "audio/midi"},
	{"midi", "audio/midi"},
	{"mp3", "audio/mpeg"},
	{"ogg", "audio/ogg"},
	{"m4a", "audio/x-m4a"},
	{"3gp", "video/3gpp"},
	{"ts", "video/mp2t"},
	{"mp4", "video/mp4"},
	{"mpeg", "video/mpeg"},
	{"mpg", "video/mpeg"},
	{"mov", "video/quicktime"},
	{"webm", "video/webm"},
	{"flv", "video/x-flv"},
	{"m4v", "video/x-m4v"},
	{"wmv", "video/x-ms-wmv"},
	{"avi", "video/x-msvideo"},
};

const char *site_type(struct slice path) {
	size_t begin = path.size;
	while (begin > 0 && path.data[begin - 1] != '.' && path.data[begin - 1] != '/')
		begin--;
	/* A name that only begins with a dot has an ending as well. */
	if (begin > 0 && path.data[begin - 1] == '.')
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
			if (path.size - begin == strlen(rows[i].ending) &&
				strncasecmp((const char *)path.data + begin, rows[i].ending, path.size - begin) ==
					0)
				return rows[i].type;
	return "application/octet-stream";
}
