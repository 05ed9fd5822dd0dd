/* collectors/list.h -- one line per metric store. */
COLLECTOR(datadog)
COLLECTOR(newrelic)
COLLECTOR(prometheus)
COLLECTOR(graphite)
COLLECTOR(influxdb)
