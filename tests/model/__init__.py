"""An independent model of the product: plain Python over the list of accepted events, which answers every report.

generator.py makes random events and their deliveries, service.py sends them and runs the tasks, reports/ answers as the
documentation says a report should; test_model.py compares. Nothing here but service.py imports the product.
"""
