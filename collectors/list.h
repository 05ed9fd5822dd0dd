/* collectors/list.h -- one line per metric store. */
COLLECTOR(datadog)
COLLECTOR(prometheus)
COLLECTOR(graphite)
