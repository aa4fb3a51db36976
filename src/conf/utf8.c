#include "conf/utf8.h"

size_t utf8_next(const char *text, uint32_t *out_point) {
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t first = (uint8_t)text[0];
	size_t size = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (size == 0 || first >= 0xf8)
		return 0;
	uint32_t point = size == 1 ? first : first & (0xffU >> (size + 1));
	for (size_t i = 1; i < size; i++) {
		uint8_t byte = (uint8_t)text[i]; /* a NUL is no continuation, so this ends in time */
		if ((byte & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (byte & 0x3f);
	}
	if (point < least[size] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
		return 0;
	*out_point = point;
	return size;
}
