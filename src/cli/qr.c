#include "cli/qr.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <qrencode.h>
#include <string.h>

#include "base/wipe.h"
#include "cli/import_source.h"

const char qr_help[] =
	"  umbra qr [FILE]\n"
	"\n"
	"Shows a client's file (or standard input) as a QR code, which the apps of phones read with\n"
	"their camera. Whoever sees the code has the keys in it.\n";

enum {
	QUIET = 4,        /* modules of light around the code, ISO/IEC 18004 section 5.3.8 */
	TEXT_MAX = 2953,  /* bytes in the largest code with the weakest error correction */
	LINE_SIZE = 1024, /* the largest code has 177 modules; a module takes up to three bytes */
};

/* On a terminal the colours are set, so that dark is dark whatever its theme. */
static const char colours_on[] = "\x1b[97;40m", colours_off[] = "\x1b[0m";

bool qr_locale_is_utf8(void) {
	locale_t locale = newlocale(LC_CTYPE_MASK, "", NULL);
	if (!locale)
		return false;
	bool utf8 = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
	freelocale(locale);
	return utf8;
}

static bool is_light(const QRcode *code, int row, int column) {
	if (row < 0 || column < 0 || row >= code->width || column >= code->width)
		return true;
	return (code->data[row * code->width + column] & 1) == 0;
}

/* Light is what is written: most terminals are dark. */
static const char *half_blocks(const QRcode *code, int row, int column) {
	/* The last line's lower half may be below the quiet zone. */
	bool lower = row + 1 < code->width + QUIET && is_light(code, row + 1, column);
	if (is_light(code, row, column))
		return lower ? "\u2588" : "\u2580";
	return lower ? "\u2584" : " ";
}

static int print_row(const struct streams *streams, const QRcode *code, int row, bool utf8) {
	bool colours = output_has_colours(streams);
	char line[LINE_SIZE] = "";
	char *end = line;
	if (colours)
		end = stpcpy(end, colours_on);
	for (int column = -QUIET; column < code->width + QUIET; column++) {
		if (utf8)
			end = stpcpy(end, half_blocks(code, row, column));
		else
			end = stpcpy(end, is_light(code, row, column) ? "##" : "  ");
	}
	if (colours)
		end = stpcpy(end, colours_off);
	(void)stpcpy(end, "\n");
	int status = output_text(streams, line);
	wipe(line, sizeof line);
	return status;
}

int qr_print(const struct streams *streams, const char *text, bool utf8) {
	size_t size = strlen(text);
	QRcode *code = size > TEXT_MAX
					   ? NULL
					   : QRcode_encodeData((int)size, (const unsigned char *)text, 0, QR_ECLEVEL_L);
	if (!code) {
		if (size == 0 || size > TEXT_MAX)
			output_message(streams, "a QR code takes from 1 to %d bytes, and these are %zu",
						   TEXT_MAX, size);
		else
			output_message(streams, "cannot make the QR code: %s", strerror(errno));
		return STATUS_FAILED;
	}
	int status = STATUS_OK, step = utf8 ? 2 : 1;
	for (int row = -QUIET; status == STATUS_OK && row < code->width + QUIET; row += step)
		status = print_row(streams, code, row, utf8);
	wipe(code->data, (size_t)code->width * (size_t)code->width);
	QRcode_free(code);
	return status;
}

int qr_run(const struct streams *streams, int count, char **arguments) {
	if (count > 1 || (count == 1 && arguments[0][0] == '-' && arguments[0][1] != '\0')) {
		output_message(streams, "qr: takes one file; try 'umbra qr --help'");
		return STATUS_USAGE;
	}
	struct import_source source;
	int status = import_source_read(streams, "qr", count == 1 ? arguments[0] : "-", &source);
	if (status != STATUS_OK)
		return status;
	status = qr_print(streams, source.text, qr_locale_is_utf8());
	import_source_done(&source);
	return status;
}
