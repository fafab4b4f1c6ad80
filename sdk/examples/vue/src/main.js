import { createAnalytics } from "analytics-sdk/vue";
import { createApp } from "vue";
import { createRouter, createWebHistory } from "vue-router";
import App from "./App.vue";
import Cart from "./Cart.vue";
import Product from "./Product.vue";

const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/", component: Product },
    { path: "/cart", component: Cart },
  ],
});

// The address of the server, and a publishable key of it: flask key create --publishable --site shop --origin …
const apiUrl = import.meta.env.VITE_ANALYTICS_URL ?? "http://localhost:8000";
const key = import.meta.env.VITE_ANALYTICS_KEY;

createApp(App)
  .use(createAnalytics({ apiUrl, options: { key, site: "shop" }, router }))
  .use(router)
  .mount("#app");
