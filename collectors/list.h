/* collectors/list.h -- one line per metric store. */
COLLECTOR(prometheus)
