from tests.integration.notifications.test_subscription_pages import *
def test_shots(address, world):
    with Browser() as browser:
        for i,path in enumerate(paths(world)):
            page=browser.open(f"{address}/id{path}")
            page.set_viewport_size({"width":1100,"height":900}); page.screenshot(path=f"/tmp/shot{i}.png", full_page=True)
            page.set_viewport_size({"width":360,"height":780}); page.screenshot(path=f"/tmp/shot{i}m.png", full_page=True)
