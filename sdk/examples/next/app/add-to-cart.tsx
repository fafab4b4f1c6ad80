"use client";

import { useAnalytics } from "analytics-sdk/react";

export function AddToCart({ product }: { product: string }) {
  const { track } = useAnalytics();
  return <button onClick={() => track("add_to_cart", { product })}>Add to cart</button>;
}
