import { useAnalytics, usePageViews } from "analytics-sdk/react";
import { useEffect, useState } from "react";

/** The path of the address, which changes without loading a page. A router's hook takes this place in an application. */
function usePath(): [string, (path: string) => void] {
  const [path, setPath] = useState(location.pathname);
  useEffect(() => {
    const update = () => setPath(location.pathname);
    addEventListener("popstate", update);
    return () => removeEventListener("popstate", update);
  }, []);
  const navigate = (next: string) => {
    history.pushState(null, "", next);
    setPath(next);
  };
  return [path, navigate];
}

export function App() {
  const [path, navigate] = usePath();
  usePageViews(path);
  return (
    <main>
      <nav>
        <button onClick={() => navigate("/")}>Shop</button>
        <button onClick={() => navigate("/cart")}>Cart</button>
      </nav>
      {path === "/cart" ? <Cart /> : <Product id="course-123" />}
    </main>
  );
}

function Product({ id }: { id: string }) {
  const { track } = useAnalytics();
  return <button onClick={() => track("add_to_cart", { product: id, price: 49 })}>Add to cart</button>;
}

function Cart() {
  const { track, identify } = useAnalytics();
  const order = () => {
    identify("user-123");
    track("order", { total: 49, currency: "EUR" });
  };
  return <button onClick={order}>Order</button>;
}
