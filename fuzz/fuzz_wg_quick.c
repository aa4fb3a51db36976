/*
 * Files of wg-quick: what was read is written and read to the same again, and the YAML of it is
 * either refused for what it says or loads to the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/wipe.h"
#include "conf/wg_quick.h"
#include "conf/wg_quick_same.h"
#include "expect.h"

static void check_written(const struct wg_quick *file) {
	struct wg_quick again;
	char *text, error[WG_QUICK_ERROR_SIZE];
	size_t size;
	if (wg_quick_format(&file->tunnel, &text, &size))
		return;
	expect(text[size] == '\0' && strlen(text) == size);
	expect(!wg_quick_parse(text, size, &again, error));
	expect(same_tunnel(&file->tunnel, &again.tunnel));
	expect(again.has_private_key == file->has_private_key && again.note_count == 0);
	wg_quick_text_free(text, size);
	wg_quick_done(&again);
}

/* A value may be refused, such as an MTU too small for a v6 address; the YAML itself never. */
static void check_yaml(struct config_tunnel *tunnel) {
	static const char head[] = "tunnels:\n";
	char *yaml;
	size_t size;
	strcpy(tunnel->name, "um0");
	tunnel->private_key_file = "/nowhere/um0.key";
	wipe(tunnel->private_key, sizeof tunnel->private_key);
	for (size_t i = 0; i < tunnel->peer_count; i++)
		wipe(tunnel->peers[i].preshared_key, TEXT_KEY_SIZE);
	if (wg_quick_to_yaml(tunnel, &yaml, &size))
		return;
	char *text = malloc(sizeof head + size);
	expect(text);
	memcpy(text, head, sizeof head - 1);
	memcpy(text + sizeof head - 1, yaml, size + 1);
	struct config_source source = {
		.path = "/nowhere/umbra.yaml", .text = text, .text_size = sizeof head - 1 + size};
	struct config_errors errors;
	struct config *config;
	if (!config_load(&source, &config, &errors)) {
		const struct config_tunnel *loaded = config_find(config, "um0");
		expect(loaded && same_tunnel(tunnel, loaded));
		config_free(config);
	}
	for (size_t i = 0; i < errors.count; i++)
		expect(strstr(errors.lines[i], "tunnels.um0"));
	config_errors_done(&errors);
	free(text);
	wg_quick_text_free(yaml, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct wg_quick file;
	char error[WG_QUICK_ERROR_SIZE] = "";
	enum err result = wg_quick_parse((const char *)data, size, &file, error);
	if (result) {
		expect(strlen(error) > 0 && strlen(error) < sizeof error && !strchr(error, '\n'));
		return 0;
	}
	check_written(&file);
	check_yaml(&file.tunnel);
	wg_quick_done(&file);
	return 0;
}
